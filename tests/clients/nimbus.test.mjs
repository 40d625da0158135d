import { delimiter } from 'node:path';

import { AWKWARD, program, scenario } from '../support/client_scenario.mjs';

const [folder] = program('GATEKEY_CLIENT_JAVA');

scenario({
  name: 'oauth2-oidc-sdk',
  command: ['java', '-XX:TieredStopAtLevel=1', '-cp', [`${folder}/classes`, `${folder}/lib/*`].join(delimiter), 'Client'],
  as: ['app', 'server'],
  secretSuffix: AWKWARD,
  // Java's HttpURLConnection sends a request again by itself when the connection breaks before an answer.
  met: { network: 'nothing', refused: 'ErrorObject', unauthorized: 'BearerTokenError', login_required: 'ErrorObject' },
});
