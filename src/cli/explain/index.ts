export { explainCommand } from './command.ts';
export { explain, timelinesOf, type Explanation, type ExplainedTimeline, type ExplainOptions } from './explanation.ts';
