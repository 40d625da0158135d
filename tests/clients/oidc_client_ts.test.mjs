import { here, scenario } from '../support/client_scenario.mjs';

scenario({
  name: 'oidc-client-ts',
  command: [process.execPath, here('oidc_client_ts/client.mjs')],
  env: (authority) => ({ NODE_EXTRA_CA_CERTS: authority }),
  as: ['page'],
  met: { network: 'TypeError', refused: 'ErrorResponse', unauthorized: 'Response', login_required: 'ErrorResponse' },
});
