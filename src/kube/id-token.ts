// Users of a kubeconfig who log in by OpenID Connect (the auth provider `oidc`). Their ID token is a bearer token; kubectl renews it
// and writes it into the file. client-node 2.0.1 would renew it too, and cannot (findings/client-node-cannot-renew-oidc.sh).

export interface AuthProvider {
  readonly name?: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface IdToken {
  /** Absent where the user has none. */
  readonly token?: string;
  /** RFC 3339; where the token says that its time is over. */
  readonly expiredAt?: string;
}

/** Undefined where the user logs in by other means. @param now milliseconds since 1970 */
export function idTokenOf(provider: AuthProvider | undefined, now: number): IdToken | undefined {
  if (provider?.name !== 'oidc') {
    return undefined;
  }
  const token = provider.config?.['id-token'];
  if (typeof token !== 'string' || token.trim() === '') {
    return {};
  }
  const expires = expiryOf(token);
  return {
    token,
    ...(expires !== undefined && expires * 1000 <= now ? { expiredAt: new Date(expires * 1000).toISOString() } : {}),
  };
}

/** Seconds since 1970; undefined where the token does not tell, which the API server will judge. */
function expiryOf(token: string): number | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as unknown;
    const expires = (claims as { readonly exp?: unknown } | null)?.exp;
    return typeof expires === 'number' && Math.abs(expires) < LATEST ? expires : undefined;
  } catch {
    return undefined;
  }
}

/** Beyond it there are no dates. */
const LATEST = 8.64e12;
