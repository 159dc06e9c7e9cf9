import { finding, type Finding } from '../../../api/reasons.ts';
import type { SettingsCheckInput } from '../check.ts';

/** Only SIGTERM is certain. */
export function stopSignals({ settings }: SettingsCheckInput): Finding[] {
  const { containers, initContainers = [] } = settings.template.spec;
  return [...containers, ...initContainers].flatMap(({ name, lifecycle }) => {
    const signal = lifecycle?.stopSignal;
    return signal === undefined || signal === 'SIGTERM'
      ? []
      : [
          finding(
            'StopSignalUncertain',
            `container ${name} asks for ${signal}: containerd 2.2.0 ignores that and sends SIGTERM or what the image says, of other runtimes it is not known`,
            { path: `lifecycle of container ${name}` },
          ),
        ];
  });
}
