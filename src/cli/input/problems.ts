/** Why a part of the input was not judged, or not as it stands. One line each. */
export interface InputProblem {
  readonly kind:
    | 'Unreadable'
    | 'TooLarge'
    | 'Binary'
    | 'Syntax'
    | 'DuplicateKey'
    | 'ReadDifferently'
    | 'Template'
    | 'UnknownVersion'
    | 'Incomplete'
    | 'Refused'
    | 'Misplaced'
    | 'MeshSettings'
    | 'NotBuilt'
    | 'Policy';
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}

export function problemText(problem: InputProblem): string {
  return `${problem.file}${problem.line === undefined ? '' : `:${problem.line}`}: ${problem.message}`;
}
