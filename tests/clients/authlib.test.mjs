import { AWKWARD_ASCII, here, program, scenario } from '../support/client_scenario.mjs';

scenario({
  name: 'Authlib',
  command: program('GATEKEY_CLIENT_PYTHON', here('authlib/client.py')),
  env: (authority) => ({ REQUESTS_CA_BUNDLE: authority, PYTHONDONTWRITEBYTECODE: '1' }),
  as: ['app', 'server'],
  secretSuffix: AWKWARD_ASCII, // Its Basic header leaves out the encoding of RFC 6749 §2.3.1, and is in Latin-1.
  met: { network: 'requests.ConnectionError', refused: 'OAuthError', unauthorized: 'requests.HTTPError', login_required: 'OAuthError' },
});
