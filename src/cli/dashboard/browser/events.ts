import type { DashboardEvents } from '../wire.ts';
import { ask, askForToken } from './session.ts';

type Takers = { readonly [Name in keyof DashboardEvents]: (data: DashboardEvents[Name]) => void };

/** As browsers wait before they connect an EventSource anew. An EventSource itself cannot send a token. */
const AGAIN_MS = 2_000;

/** Takes the server's events for ever, one connection after the other. @param onAway in words, while there is none */
export async function takeEvents(takers: Takers, onAway: (words: string) => void): Promise<never> {
  for (;;) {
    const answer = await ask('/events').catch(() => undefined);
    if (answer?.status === 401 || answer?.status === 403) {
      onAway('A token is needed');
      await askForToken(await answer.text());
      continue;
    }
    if (answer?.ok === true && answer.body !== null) {
      await takeAll(answer.body, takers).catch(() => undefined);
    }
    onAway(
      answer === undefined || answer.ok
        ? 'The dashboard has ended, or cannot be reached; trying again'
        : `${(await answer.text()).trim()}; trying again`,
    );
    await new Promise((resolve) => {
      setTimeout(resolve, AGAIN_MS);
    });
  }
}

/** An event ends with an empty line (HTML, "server-sent events"). */
async function takeAll(body: ReadableStream<Uint8Array>, takers: Takers): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const text = decoder.decode(value, { stream: true });
    if (!text.includes('\n')) {
      parts.push(text);
      continue;
    }
    const blocks = [...parts, text].join('').split('\n\n');
    parts = [blocks.pop() ?? ''];
    for (const block of blocks) {
      take(block, takers);
    }
  }
}

function take(block: string, takers: Takers): void {
  const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? [];
  if (name !== undefined && data !== undefined && Object.hasOwn(takers, name)) {
    (takers[name as keyof Takers] as (data: unknown) => void)(JSON.parse(data));
  }
}
