/** An entry of an archive: a folder has no content. Paths are relative, without a slash at the end. */
export interface TarEntry {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content?: Buffer;
  readonly linkTo?: string;
}

const BLOCK = 512;

/**
 * A ustar archive (POSIX 1003.1) of exactly these entries, in this order, all of root and of the year 1970: the same entries
 * give the same bytes.
 */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0);
    parts.push(headerOf(entry, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headerOf({ path, mode, content, linkTo }: TarEntry, size: number): Buffer {
  const folder = content === undefined && linkTo === undefined;
  const name = folder ? `${path}/` : path;
  if (Buffer.byteLength(name) > 100 || Buffer.byteLength(linkTo ?? '') > 100) {
    throw new RangeError(`${name}: a name in a ustar archive has at most 100 bytes here`);
  }
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number): void => {
    header.write(value.toString(8).padStart(width - 1, '0'), at);
  };
  header.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  header.write(folder ? '5' : linkTo === undefined ? '0' : '2', 156);
  header.write(linkTo ?? '', 157);
  header.write('ustar\u000000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148);
  return header;
}
