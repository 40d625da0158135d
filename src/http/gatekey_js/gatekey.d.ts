/**
 * Signing in, and renewing without a page, for applications of Gatekey that run in a browser.
 * A convenience: nothing needs it, any OpenID Connect library does. Guide: docs/gatekey-js.md.
 */

/** How a token came. `tab`: another tab of this application renewed. `session`: the token in hand still lasts. */
export type Way = SilentWay | 'redirect' | 'popup' | 'tab';

/** The ways that show no page, in the order in which they are tried. */
export type SilentWay = 'session' | 'frame' | 'storage_access' | 'fedcm' | 'refresh';

export interface Options {
  /** As the server prints it, with the slash at its end. It is compared byte for byte with discovery, ID tokens and answers. */
  issuer: string;
  clientId: string;
  /** Registered, at this page's origin. Default: the origin with a slash. */
  redirectUri?: string;
  /** Values with spaces between; `openid` must be one. Default: `openid`. */
  scope?: string;
  /** The API that access tokens are for (RFC 8707). */
  resource?: string;
  /** Where tokens are kept: in memory (default), for the tab, or in this browser. Tabs that are open tell each other, whichever it is. */
  storage?: 'memory' | 'session' | 'local';
  /** Which ways to try, in which order. Default: all, in the order of `SilentWay`. */
  ways?: SilentWay[];
}

export interface TokenOptions {
  /** How long the token must still last, in seconds. Default: 30. */
  minValidity?: number;
  /** A token that is younger than this call. */
  force?: boolean;
  /** When no other way is left: leave the page and ask the issuer in the window itself, still without a page of it. Not from a page that came back without a token. */
  redirect?: boolean;
}

/** Any other member is a parameter of the authorization request, by its name: `prompt`, `login_hint`, `max_age`, `acr_values`, `ui_locales` … */
export interface SignInOptions {
  /** Given back by `handleRedirect`. */
  returnTo?: string;
  /** In a window of its own; call it from a click. */
  popup?: boolean;
  /** By the browser's own account chooser (Chromium); call it from a click. */
  fedcm?: boolean;
  [parameter: string]: string | number | boolean | undefined;
}

/** Milliseconds since 1970, by this machine's clock; at most about a second early. What has no limit is not there. */
export interface Deadlines {
  token: number;
  /** The session's end, whatever the user does. */
  session?: number;
  /** The session's end if it is not used. */
  idle?: number;
}

/** The ID token's (OpenID Connect Core §2). */
export interface Claims {
  iss: string;
  sub: string;
  aud: string;
  exp: number;
  iat: number;
  auth_time?: number;
  sid?: string;
  name?: string;
  email?: string;
  [claim: string]: unknown;
}

export type Code =
  | 'login_required'
  | 'consent_required'
  | 'interaction_required'
  | 'account_selection_required'
  | 'access_denied'
  | 'network'
  | 'temporarily_unavailable'
  | 'no_answer'
  | 'invalid_response'
  | 'fedcm_refused'
  | 'popup_blocked'
  | 'popup_closed'
  | 'insecure_context';

export type Reason = 'cookies_blocked' | 'session_ended' | 'signed_out' | 'cors' | 'csp' | 'state' | 'iss' | 'aud' | 'nonce' | 'sub' | 'issuer';

export interface GatekeyError extends Error {
  /** Stable. Any other error code of OAuth or OpenID Connect that the issuer answers stands here too. */
  code: Code | (string & {});
  reason?: Reason;
  /** The issuer's or the browser's words, for a log. */
  description?: string;
  /** The same call may do later: nothing was lost, the user is still signed in as far as is known. */
  transient: boolean;
}

export interface Gatekey extends EventTarget {
  /** Who is signed in, as far as is known. */
  readonly claims?: Claims;
  readonly deadlines?: Deadlines;
  /** How the last token came. */
  readonly lastWay?: Way;

  /** An access token, by the best way that this browser allows. Rejects with a `GatekeyError`. */
  token(options?: TokenOptions): Promise<string>;
  /** Leads to the issuer and does not come back, or shows a window and resolves once somebody is signed in. */
  signIn(options?: SignInOptions): Promise<void>;
  /** Call it when the page opens: takes the answer if the address has one (and takes it out of the address), else `null`. */
  handleRedirect(): Promise<{ returnTo?: string; error: GatekeyError | null } | null>;
  /** Shows the issuer's button for its cookies in that element; whether a click there allowed them. For `cookies_blocked`. */
  allowCookies(place: Element): Promise<boolean>;
  /** Gives the refresh token back and ends the session at the issuer; `returnTo` is a registered `post_logout_redirect_uri`. `local`: the first only. */
  signOut(options?: { returnTo?: string; local?: boolean }): Promise<void>;

  /** Somebody signed in or out, tokens or deadlines changed, in whichever tab. */
  addEventListener(type: 'change', listener: (event: Event) => void, options?: boolean | AddEventListenerOptions): void;
  removeEventListener(type: 'change', listener: (event: Event) => void, options?: boolean | EventListenerOptions): void;
}

export function createClient(options: Options): Gatekey;
