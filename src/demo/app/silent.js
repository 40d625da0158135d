// Runs in the hidden frame: hands the issuer's answer, which is in this page's address, to the page around it.
new globalThis.oidc.UserManager({ authority: location.origin, client_id: "-", redirect_uri: location.href, automaticSilentRenew: false }).signinSilentCallback();
