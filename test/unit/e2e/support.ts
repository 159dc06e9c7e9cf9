import { SCENARIO_NAMES, type Form, type ScenarioName } from '../../../e2e/plan/scenarios.ts';

export const FORMS_AND_SCENARIOS: readonly (readonly [Form, ScenarioName])[] = (['classic', 'native'] as const).flatMap(
  (form) => SCENARIO_NAMES.map((scenario) => [form, scenario] as const),
);
