/** Milliseconds since 1970 of an instant, or of a wall clock's reading as if it were UTC. */
type Milliseconds = number;

const DAY: Milliseconds = 24 * 60 * 60 * 1000;

/** The wall clock of a zone of the IANA database, by the zone data of this Node.js (`process.versions.tz`). */
export class WallClock {
  private readonly format: Intl.DateTimeFormat;

  /** @throws RangeError where there is no such zone */
  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** What the clock shows at an instant, to the second. */
  reading(at: Milliseconds): Milliseconds {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(at)) {
      parts[type] = Number(value);
    }
    const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  /**
   * The first instant at which the clock shows a reading. One that a change of the clock leaves out comes at the moment of
   * the change. No zone changes its clock twice within two days.
   */
  instant(reading: Milliseconds): Milliseconds {
    const before = reading - this.offset(reading - DAY);
    const after = reading - this.offset(reading + DAY);
    const shown = [before, after].filter((at) => this.reading(at) === reading);
    return shown.length > 0 ? Math.min(...shown) : this.changeBetween(Math.min(before, after), Math.max(before, after));
  }

  private offset(at: Milliseconds): Milliseconds {
    return this.reading(at) - at;
  }

  private changeBetween(from: Milliseconds, to: Milliseconds): Milliseconds {
    const old = this.offset(from);
    let [low, high] = [from, to];
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      [low, high] = this.offset(middle) === old ? [middle, high] : [low, middle];
    }
    return high;
  }
}
