import type { LifecycleHandler, PodTemplate } from '../../api/kubernetes.ts';
import { INJECTION_TEMPLATES_ANNOTATION } from '../../api/names.ts';
import type { Revision } from '../model/mesh.ts';
import type { SettingProblem, Sourced } from '../model/settings.ts';
import { OWN_TEMPLATES } from './injector-values.ts';

/** Hooks of custom injection templates, each merged over what the templates before it gave. */
export function templateLifecycle(
  template: PodTemplate,
  revision: Revision | undefined,
): { preStop?: Sourced<LifecycleHandler>; postStart?: Sourced<LifecycleHandler> } {
  const hooks: { preStop?: Sourced<LifecycleHandler>; postStart?: Sourced<LifecycleHandler> } = {};
  for (const name of templateNames(template, revision)) {
    const lifecycle = revision?.injector?.templates?.[name]?.lifecycle ?? {};
    for (const hook of ['preStop', 'postStart'] as const) {
      const value = lifecycle[hook];
      if (value !== undefined) {
        const object = `istio-sidecar-injector of revision ${revision?.name ?? ''}`;
        hooks[hook] = { value, origin: { level: 'Injector', object, path: `templates.${name}` } };
      }
    }
  }
  return hooks;
}

function templateNames(template: PodTemplate, revision: Revision | undefined): readonly string[] {
  const named = (template.metadata?.annotations?.[INJECTION_TEMPLATES_ANNOTATION] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return named.length > 0 ? named : (revision?.injector?.defaultTemplates ?? []);
}

/** Custom templates of which nothing can be said: they may give `istio-proxy` hooks of their own. */
export function unreadTemplates(template: PodTemplate, revision: Revision | undefined): SettingProblem[] {
  return templateNames(template, revision)
    .filter((name) => !OWN_TEMPLATES.has(name))
    .flatMap((name) => {
      const known = revision?.injector?.templates?.[name];
      if (known !== undefined && known.unread !== true) {
        return [];
      }
      const why = known === undefined ? 'was not seen' : 'has template actions that were not followed';
      return [
        {
          kind: 'InjectionTemplateUnread' as const,
          path: `spec.template.metadata.annotations["${INJECTION_TEMPLATES_ANNOTATION}"]`,
          message: `the custom injection template ${name} ${why}: hooks that it gives to the proxy are not known`,
        },
      ];
    });
}
