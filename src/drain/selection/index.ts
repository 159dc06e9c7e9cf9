/** Which policies select a workload, and which one of them governs it. */
export { outsideBounds } from './bounds.ts';
export { exemptionOutsideBounds } from './exemption-bounds.ts';
export { exemptionOf, exemptionText, isActive, readExemption } from './exemptions.ts';
export type { ActiveExemption, ExemptionRecord } from './exemptions.ts';
export { byPrecedence, govern } from './govern.ts';
export type { Governable, Governed, GovernOptions, Overridden, Refused } from './govern.ts';
export { compileSelector, matchesSelector } from './labels.ts';
export type { CompiledSelector, LabelMatcher, Labels, SelectorProblem } from './labels.ts';
export { compilePolicy, matches, matchesByName, matchesProxy, untouchableNamespace } from './match.ts';
export type { CompiledPolicy, CompiledPolicyResult, Match, NoMatch, PolicyProblem, SelectionScope } from './match.ts';
export { compileNamePattern } from './names.ts';
export type { CompiledPattern } from './names.ts';
