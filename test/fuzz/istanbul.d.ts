/** The part of istanbul-lib-instrument that is used here; it carries no types. */
declare module 'istanbul-lib-instrument' {
  export interface Instrumenter {
    instrumentSync(code: string, filename: string): string;
  }
  export function createInstrumenter(options: {
    readonly esModules: boolean;
    readonly coverageVariable: string;
    readonly coverageGlobalScopeFunc: boolean;
    readonly coverageGlobalScope: string;
    readonly compact: boolean;
  }): Instrumenter;
}
