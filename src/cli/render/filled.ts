import { at, recordOf } from '../../drain/template/raw.ts';
import type { InputDocument } from '../input/documents.ts';
import { hasVariables } from '../repository/envsubst.ts';
import type { FilledValue } from '../repository/substitution.ts';
import type { FieldEdit } from './edit.ts';

/** A field whose value is put in when the object is applied. */
export interface FilledField {
  /** Keys, and names where a list has them: as edits find it. */
  readonly path: readonly string[];
  readonly written: string;
}

export function filledFields(filled: readonly FilledValue[], written: unknown): FilledField[] {
  return filled.map((each) => {
    const path: string[] = [];
    let current: unknown = written;
    for (const step of each.path) {
      current = at(current, [step]);
      const { name } = recordOf(current);
      path.push(typeof step === 'number' && typeof name === 'string' ? name : String(step));
    }
    return { path, written: each.written };
  });
}

/**
 * Why a manifest is left to those who apply it: a variable that would be lost, since other clusters may put in another value; a text
 * that they would take for one; a change of their own that nobody here can build.
 */
export function keptForApplier(
  edits: readonly FieldEdit[],
  filled: readonly FilledField[],
  { destination, origin }: Pick<InputDocument, 'destination' | 'origin'>,
): string | undefined {
  if (destination === undefined) {
    return undefined;
  }
  const { by, overlay, variables } = destination;
  if (overlay !== undefined && (origin === undefined || overlay.components.length > 0)) {
    return `${by} patches it when it is applied, and what comes of a change cannot be built here`;
  }
  for (const { path, value } of edits) {
    const steps = path.map((step) => (typeof step === 'string' ? step : step.name));
    const lost = filled.find((each) => isPrefix(each.path, steps) || isPrefix(steps, each.path));
    if (lost !== undefined) {
      return `${steps.at(-1) ?? ''} is ${lost.written}, which ${by} puts in; set the variable to what gives ${JSON.stringify(value)}`;
    }
    if (variables !== undefined && hasVariables(JSON.stringify(value))) {
      return `${by} puts variables in, and would take a part of ${steps.at(-1) ?? ''} for one`;
    }
  }
  return undefined;
}

function isPrefix(short: readonly string[], long: readonly string[]): boolean {
  return short.length <= long.length && short.every((step, index) => step === long[index]);
}
