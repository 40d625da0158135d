// What went wrong, in plain words, with the code that the specification gives it.

const WORDS = {
  // OpenID Connect Core §3.1.2.6
  login_required: "Nobody is signed in at the issuer any more, and it was asked not to show a sign-in page.",
  consent_required: "The issuer would first have to ask you for your consent.",
  interaction_required: "The issuer would first have to show you a page.",
  account_selection_required: "The issuer does not know which of your accounts is meant.",
  // RFC 6749 §4.1.2.1 and §5.2
  access_denied: "Signing in was cancelled, or you did not agree.",
  invalid_grant: "The issuer does not accept this refresh token any more.",
  invalid_request: "The issuer did not understand the request.",
  invalid_scope: "The application asked for more than it may have.",
  invalid_client: "The issuer does not know this application.",
  unauthorized_client: "The application may not do this.",
  unsupported_grant_type: "The issuer does not offer this way of getting a token.",
  server_error: "The issuer had a problem of its own.",
  temporarily_unavailable: "The issuer is busy. Try again in a moment.",
  invalid_target: "The application asked for a token for an API that the issuer does not know.",
  network: "No answer: is the demo still running in the terminal?",
  no_answer: "The hidden frame said nothing: the browser did not let the issuer’s page into it.",
  // RFC 6750 §3.1
  invalid_token: "The API does not accept this access token.",
  insufficient_scope: "This access token does not allow to read notes.",
};

// Why `gatekey.js` has no token, where it can know.
const REASONS = {
  cookies_blocked: "Your browser keeps the issuer’s cookies from frames of other sites, and there is no refresh token in hand. Only the window itself can go and ask.",
  session_ended: "Your session at the issuer has ended.",
};

/** An error as `{ words, code }`; `code` is `null` when no specification names it. */
export function explain(error) {
  const { code = null, reason, description } = error ?? {};
  if (code && REASONS[reason]) return { words: REASONS[reason], code: `${code}, ${reason}` };
  if (code) return { words: WORDS[code] || description || "The issuer refused.", code };
  // What fetch throws when there is no answer at all.
  if (error instanceof TypeError) return { words: "No answer: is the demo still running in the terminal?", code: null };
  return { words: error?.message || "Something unexpected happened.", code: null };
}
