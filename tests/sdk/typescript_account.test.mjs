import { scenario } from '../support/sdk_account_scenario.mjs';

scenario({ name: 'TypeScript, openapi-typescript', folder: 'typescript', command: (made) => ['node', `${made}/out/own_account.js`] });
