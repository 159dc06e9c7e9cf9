import { dirname, resolve, sep } from 'node:path';
import { recordOf, textOf } from '../../drain/template/raw.ts';
import type { InputDocument } from '../input/documents.ts';

/** A ConfigMap of the input. */
export interface KnownMap {
  readonly file: string;
  readonly namespace?: string;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What a ConfigMap says; nothing where it has no name, or where SOPS has encrypted it. */
export function knownMap({ value, file }: Pick<InputDocument, 'value' | 'file'>): KnownMap[] {
  const { name, namespace } = recordOf(value['metadata']);
  const isEncrypted = value['sops'] !== undefined;
  return typeof name === 'string' && !isEncrypted
    ? [{ file, name, namespace: textOf(namespace), data: recordOf(value['data']) }]
    : [];
}

/**
 * The ConfigMap that an object means. Each cluster of a repository has its own of the same name: the one nearest to the object. Two that are
 * equally near and say different things are none, since nobody knows which.
 */
export function nearestMap(
  maps: readonly KnownMap[],
  name: string,
  namespace: string | undefined,
  file: string,
): KnownMap | undefined {
  const own = dirname(resolve(file)).split(sep);
  const shared = (map: KnownMap): number => {
    const folders = dirname(resolve(map.file)).split(sep);
    const apart = folders.findIndex((folder, index) => folder !== own[index]);
    return apart === -1 ? folders.length : apart;
  };
  const named = maps.filter(
    (map) =>
      map.name === name && (map.namespace === undefined || namespace === undefined || map.namespace === namespace),
  );
  const most = Math.max(...named.map(shared));
  const [found, ...others] = named.filter((map) => shared(map) === most);
  const isOne = others.every(({ data }) => JSON.stringify(data) === JSON.stringify(found?.data));
  return isOne ? found : undefined;
}
