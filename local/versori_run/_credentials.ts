/** A token as `getAccessToken` answers it. */
export interface AccessToken {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiry?: Date | number;
}

/** Credentials of connections, for code that cannot use `ctx.fetch`. Names are system names. */
export interface CredentialsProvider {
  /** The bytes of an API-key credential. */
  getRaw(name: string, activationId?: string): Promise<Uint8Array>;
  /** An OAuth2 token, or for basic authentication base64 of `username:password`. */
  getAccessToken(
    name: string,
    forceRefresh?: boolean,
    activationId?: string,
  ): Promise<AccessToken>;
  getOAuth1Metadata(name: string, activationId?: string): Promise<unknown>;
}
