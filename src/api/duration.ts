/** Whole or fractional seconds. */
export type Seconds = number;

/** How durations are written in policies: whole hours, minutes and seconds, in this order, for example `1h30m`. */
const POLICY_DURATION = /^(?:([0-9]{1,4})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})s)?$/;

/** Seconds of a duration as policies write it. The schema refuses everything that throws here. */
export function parsePolicyDuration(text: string): number {
  const match = POLICY_DURATION.exec(text);
  if (text === '' || match === null) {
    throw new RangeError(`"${text}" is not a duration in whole hours, minutes and seconds such as 30s, 5m or 1h30m`);
  }
  const [, hours = '0', minutes = '0', seconds = '0'] = match;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}
