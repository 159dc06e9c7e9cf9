/**
 * `dash` is Ubuntu's sh, which the proxy image has; `bash` is bash; `unknown` is the sh of an app image, which may be
 * dash, busybox or bash: where these differ in a way that matters, the answer is that it is not known.
 */
export type Dialect = 'dash' | 'bash' | 'unknown';

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
  readonly quoted: boolean;
}

export type ParameterOperator =
  '' | '-' | ':-' | '=' | ':=' | '?' | ':?' | '+' | ':+' | '%' | '%%' | '#' | '##' | 'length' | 'bad';

export interface ParameterPart {
  readonly type: 'parameter';
  readonly name: string;
  readonly operator: ParameterOperator;
  readonly argument?: Word;
  readonly quoted: boolean;
}

export interface CommandPart {
  readonly type: 'command';
  readonly program: Program;
  readonly quoted: boolean;
}

export interface ArithmeticPart {
  readonly type: 'arithmetic';
  readonly expression: Word;
  readonly quoted: boolean;
}

export type WordPart = TextPart | ParameterPart | CommandPart | ArithmeticPart;

export interface Word {
  readonly parts: readonly WordPart[];
  /** The text, where there is nothing to expand. */
  readonly literal?: string;
  /** True where a part of it stood in quotes, so that it stays a word even when empty. */
  readonly quoted: boolean;
}

export interface Redirection {
  readonly fd: number | 'both';
  readonly operator: '>' | '>>' | '<' | '<>' | '>&' | '<&' | 'text';
  readonly target: Word;
}

export interface Assignment {
  readonly name: string;
  readonly append: boolean;
  readonly value: Word;
}

export interface SimpleCommand {
  readonly type: 'simple';
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  /** True for a filter with literal words: the same input gives the same output, and no time passes. */
  readonly pure: boolean;
  /** True where running it cannot change the shell's variables. */
  readonly setsNothing: boolean;
}

export interface IfCommand {
  readonly type: 'if';
  readonly branches: readonly { readonly condition: List; readonly body: List }[];
  readonly otherwise?: List;
  readonly redirections: readonly Redirection[];
}

export interface LoopCommand {
  readonly type: 'loop';
  readonly until: boolean;
  readonly condition: List;
  readonly body: List;
  readonly redirections: readonly Redirection[];
}

export interface ForCommand {
  readonly type: 'for';
  readonly name: string;
  /** `undefined`: over the positional parameters. */
  readonly words?: readonly Word[];
  readonly body: List;
  readonly redirections: readonly Redirection[];
}

/** `for ((i=0; i<5; i++))` of bash. */
export interface CountingForCommand {
  readonly type: 'counting-for';
  readonly first: Word;
  readonly condition: Word;
  readonly next: Word;
  readonly body: List;
  readonly redirections: readonly Redirection[];
}

export interface CaseCommand {
  readonly type: 'case';
  readonly word: Word;
  readonly clauses: readonly { readonly patterns: readonly Word[]; readonly body: List }[];
  readonly redirections: readonly Redirection[];
}

export interface GroupCommand {
  readonly type: 'group';
  readonly subshell: boolean;
  readonly body: List;
  readonly redirections: readonly Redirection[];
}

export interface FunctionCommand {
  readonly type: 'function';
  readonly name: string;
  readonly body: Command;
  readonly redirections: readonly Redirection[];
}

/** `(( expression ))` of bash. */
export interface ArithmeticCommand {
  readonly type: 'arithmetic';
  readonly expression: Word;
  readonly redirections: readonly Redirection[];
}

export type Condition =
  | { readonly type: 'or' | 'and'; readonly left: Condition; readonly right: Condition }
  | { readonly type: 'not'; readonly operand: Condition }
  | { readonly type: 'unary'; readonly operator: string; readonly operand: Word }
  | { readonly type: 'binary'; readonly operator: string; readonly left: Word; readonly right: Word };

/** `[[ ... ]]` of bash and busybox. */
export interface ConditionCommand {
  readonly type: 'condition';
  readonly condition: Condition;
  readonly redirections: readonly Redirection[];
}

export type Command =
  | SimpleCommand
  | IfCommand
  | LoopCommand
  | ForCommand
  | CountingForCommand
  | CaseCommand
  | GroupCommand
  | FunctionCommand
  | ArithmeticCommand
  | ConditionCommand;

export interface Pipeline {
  readonly negate: boolean;
  readonly commands: readonly Command[];
}

export interface AndOr {
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: '&&' | '||'; readonly pipeline: Pipeline }[];
  readonly background: boolean;
}

export type List = readonly AndOr[];

/**
 * A script, one complete command (line) after the other, as a shell reads it: lines before a syntax error are run.
 */
export interface Program {
  /** Steps that reading it is worth. */
  readonly cost: number;
  readonly lines: readonly List[];
  /** Where reading stopped: the shell ends there with status 2. */
  readonly syntaxError?: string;
  /** Where reading stopped: a construct that this interpreter does not know. */
  readonly unsupported?: string;
  /** True where running it cannot change the shell's variables, so that a subshell needs no copy of them. */
  readonly leavesVariables: boolean;
}
