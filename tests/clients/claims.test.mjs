// openid-client, unmodified, where answers are signed and people are known by pairwise subjects: claims by name, userinfo as a JWT, EdDSA.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import * as oidc from 'openid-client';

import { DATABASES, Gatekey, USER } from '../support/gatekey.mjs';
import { UserAgent } from '../support/user_agent.mjs';

const REDIRECT_URI = 'http://localhost:9/callback'; // Nobody listens there: the test reads the redirect itself.
const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'];

const client = (alg, sector) => `
[[clients]]
id = "${sector}-${alg}"
kind = "spa"
scope = "openid profile email phone"
redirect_uris = ["${REDIRECT_URI}"]
id_token_signed_response_alg = "${alg}"
userinfo_signed_response_alg = "${alg}"
subject_type = "pairwise"
sector_identifier = "${sector}.example"
`;

for (const kind of DATABASES) {
  describe(kind, () => {
    let gatekey;
    before(async () => {
      const clients = ALGORITHMS.flatMap((alg) => [client(alg, 'one'), client(alg, 'two')]).join('');
      gatekey = await Gatekey.install(kind, { clients, settings: `[keys]\nalgorithms = ${JSON.stringify(ALGORITHMS)}` });
      gatekey.createUser();
      gatekey.run(['user', 'update', USER.name, '--phone-number', '+14155550123', '--phone-number-verified']);
      await gatekey.start();
    });
    after(() => gatekey?.remove());

    /** Signs in, and asks userinfo; the library checks every signature, `iss`, `aud`, and that both speak of one subject. */
    async function person(alg, sector, agent) {
      const metadata = { id_token_signed_response_alg: alg, userinfo_signed_response_alg: alg };
      const config = await oidc.discovery(new URL(gatekey.issuer), `${sector}-${alg}`, metadata, oidc.None(), {
        execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
      });
      const verifier = oidc.randomPKCECodeVerifier();
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: REDIRECT_URI,
        scope: 'openid',
        claims: JSON.stringify({ userinfo: { phone_number: { essential: true }, nickname: null }, id_token: { email: null } }),
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      const tokens = await oidc.authorizationCodeGrant(config, await agent.authorize(url, USER), { pkceCodeVerifier: verifier, idTokenExpected: true });
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(next.claims().sub, tokens.claims().sub);
      return { tokens: next, userinfo: await oidc.fetchUserInfo(config, next.access_token, next.claims().sub) };
    }

    for (const alg of ALGORITHMS) {
      test(`${alg}: what was asked for by name, signed, under a subject of the sector's own`, async () => {
        const agent = new UserAgent(gatekey.issuer);
        const { tokens, userinfo } = await person(alg, 'one', agent);
        assert.equal(tokens.claims().email, `${USER.name}@example.test`);
        const { iss, aud, sub, ...told } = userinfo;
        assert.deepEqual({ iss, aud, sub, ...told }, { iss: gatekey.issuer, aud: `one-${alg}`, sub: tokens.claims().sub, phone_number: '+14155550123' });
        // OIDC Core §3.1.3.6.
        const hash = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256').update(tokens.access_token).digest();
        assert.equal(tokens.claims().at_hash, hash.subarray(0, hash.length / 2).toString('base64url'));

        const elsewhere = await person(alg, 'two', agent);
        assert.notEqual(elsewhere.userinfo.sub, sub);
      });
    }
  });
}
