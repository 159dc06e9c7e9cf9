export type Expression =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'regex'; readonly source: string }
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'field'; readonly index: Expression }
  | { readonly type: 'element'; readonly name: string; readonly subscript: readonly Expression[] }
  | { readonly type: 'unary'; readonly operator: '!' | '-' | '+'; readonly operand: Expression }
  | { readonly type: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'match'; readonly negated: boolean; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'in'; readonly name: string; readonly subscript: readonly Expression[] }
  | { readonly type: 'choice'; readonly condition: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly type: 'assign'; readonly target: Place; readonly operator: string; readonly value: Expression }
  | { readonly type: 'step'; readonly target: Place; readonly by: 1 | -1; readonly prefix: boolean }
  | { readonly type: 'call'; readonly name: string; readonly parameters: readonly Expression[] };

/** What can be assigned to. */
export type Place = Extract<Expression, { type: 'variable' | 'field' | 'element' }>;

export type Statement =
  | { readonly type: 'expression'; readonly expression: Expression }
  | { readonly type: 'print'; readonly values: readonly Expression[] }
  | { readonly type: 'printf'; readonly values: readonly Expression[] }
  | { readonly type: 'if'; readonly condition: Expression; readonly yes: Statement; readonly no?: Statement }
  | { readonly type: 'while'; readonly condition: Expression; readonly body: Statement; readonly atLeastOnce: boolean }
  | {
      readonly type: 'for';
      readonly first?: Statement;
      readonly condition?: Expression;
      readonly next?: Statement;
      readonly body: Statement;
    }
  | { readonly type: 'for-in'; readonly variable: string; readonly array: string; readonly body: Statement }
  | { readonly type: 'block'; readonly statements: readonly Statement[] }
  | { readonly type: 'delete'; readonly name: string; readonly subscript?: readonly Expression[] }
  | { readonly type: 'next' | 'break' | 'continue' }
  | { readonly type: 'exit'; readonly status?: Expression };

export interface Rule {
  readonly pattern: 'BEGIN' | 'END' | { readonly from: Expression; readonly to?: Expression } | undefined;
  /** `undefined`: print the line. */
  readonly action?: Statement;
}

export interface AwkProgram {
  readonly rules: readonly Rule[];
  readonly readsInput: boolean;
}

/** The program is wrong, or uses what this interpreter does not know. */
export class AwkProblem extends Error {}
