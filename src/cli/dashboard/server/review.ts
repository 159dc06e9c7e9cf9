import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { defineResource, errorText, oneLine, type KubeClient, type Resource } from '../../../kube/index.ts';
import type { Door, Refusal } from './handler.ts';

export interface ReviewDoorOptions {
  readonly client: Pick<KubeClient, 'create'>;
  /** What the page shows objects of in any case: whoever looks must be allowed to list each, in all namespaces. */
  readonly always: readonly Resource[];
  /** What it shows besides; asked for only on behalf of those who may list the others. */
  readonly seen: () => Promise<readonly Resource[]>;
  /** Milliseconds. */
  readonly now: () => number;
}

const tokenReviews = review('authentication.k8s.io', 'tokenreviews', 'TokenReview');
const accessReviews = review('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview');

function review(group: string, plural: string, kind: string): Resource {
  return defineResource({ group, version: 'v1', plural, kind, namespaced: false });
}

/** The user of a token, as the API server tells of it. */
interface User {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

interface TokenReview {
  readonly status?: { readonly authenticated?: boolean; readonly user?: User };
}

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/** An answer counts for so long, whatever it is: who was let in, or was not, may ask often. */
const REMEMBERED_MS = 20_000;
const MOST_REMEMBERED = 256;
/** Strangers with ever new tokens must not keep the API server busy. */
const MOST_AT_ONCE = 8;
/** Nobody's token is longer. */
const LONGEST_TOKEN = 16 * 1024;

const UNKNOWN_TOKEN: Refusal = {
  status: 401,
  message: 'a bearer token is needed that the API server knows, for example of: kubectl create token',
  headers: { 'www-authenticate': 'Bearer' },
  withPage: true,
};

interface Remembered {
  readonly until: number;
  readonly refusal: Promise<Refusal | undefined>;
}

/** Lets in whose token the API server knows, and who may list all that is shown. Tokens are not kept, only their hashes. */
export class ReviewDoor implements Door {
  private readonly options: ReviewDoorOptions;
  private readonly remembered = new Map<string, Remembered>();
  private underWay = 0;

  constructor(options: ReviewDoorOptions) {
    this.options = options;
  }

  async admit({ headers }: IncomingMessage): Promise<Refusal | undefined> {
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (token === undefined || token.length > LONGEST_TOKEN) {
      return UNKNOWN_TOKEN;
    }
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.remembered.get(key);
    if (known !== undefined && known.until > this.options.now()) {
      return await known.refusal;
    }
    if (this.underWay >= MOST_AT_ONCE) {
      return { status: 429, message: 'too many tokens at a time: try again', headers: { 'retry-after': '2' } };
    }
    const refusal = await this.remember(key, this.reviewed(token));
    if (refusal?.status === 503) {
      this.remembered.delete(key);
    }
    return refusal;
  }

  private remember(key: string, refusal: Promise<Refusal | undefined>): Promise<Refusal | undefined> {
    this.remembered.delete(key);
    this.remembered.set(key, { until: this.options.now() + REMEMBERED_MS, refusal });
    const [oldest] = this.remembered.keys();
    if (this.remembered.size > MOST_REMEMBERED && oldest !== undefined) {
      this.remembered.delete(oldest);
    }
    return refusal;
  }

  private async reviewed(token: string): Promise<Refusal | undefined> {
    this.underWay++;
    try {
      const { status } = await this.options.client.create<TokenReview>(tokenReviews, {
        apiVersion: tokenReviews.apiVersion,
        kind: tokenReviews.kind,
        spec: { token },
      });
      if (status?.authenticated !== true || status.user === undefined) {
        return UNKNOWN_TOKEN;
      }
      const { always, seen } = this.options;
      const missing = await this.missing(status.user, always);
      if (missing.length === 0) {
        const known = new Set(always.map(({ fullName }) => fullName));
        const others = (await seen()).filter(({ fullName }) => !known.has(fullName));
        missing.push(...(await this.missing(status.user, others)));
      }
      return missing.length === 0
        ? undefined
        : {
            status: 403,
            message: `${status.user.username ?? 'this user'} may not list ${missing.join(', ')} in all namespaces, which this page shows`,
            withPage: true,
          };
    } catch (error) {
      return { status: 503, message: `it is not known yet who may look: ${oneLine(errorText(error))}` };
    } finally {
      this.underWay--;
    }
  }

  private async missing({ username, uid, groups, extra }: User, resources: readonly Resource[]): Promise<string[]> {
    const missing: string[] = [];
    for (const { group, plural, fullName } of resources) {
      const resourceAttributes = { verb: 'list', group, resource: plural };
      const { status } = await this.options.client.create<AccessReview>(accessReviews, {
        apiVersion: accessReviews.apiVersion,
        kind: accessReviews.kind,
        spec: { user: username, uid, groups, extra, resourceAttributes },
      });
      if (status?.allowed !== true) {
        missing.push(fullName);
      }
    }
    return missing;
  }
}
