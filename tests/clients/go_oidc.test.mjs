import { AWKWARD, program, scenario } from '../support/client_scenario.mjs';

scenario({
  name: 'go-oidc',
  command: program('GATEKEY_CLIENT_GO'),
  env: (authority) => ({ SSL_CERT_FILE: authority }),
  as: ['app', 'server'],
  secretSuffix: AWKWARD,
  met: { network: '*url.Error', refused: '*oauth2.RetrieveError', unauthorized: '*errors.errorString', login_required: '*oauth2.RetrieveError' },
});
