import { AWKWARD, program, scenario } from '../support/client_scenario.mjs';

scenario({
  name: 'openidconnect',
  command: program('GATEKEY_CLIENT_RUST'),
  as: ['app', 'server'],
  secretSuffix: AWKWARD,
  met: { network: 'RequestTokenError::Request', refused: 'RequestTokenError::ServerResponse', unauthorized: 'UserInfoError::Response', login_required: 'CoreAuthErrorResponseType::LoginRequired' },
});
