import { scenario } from '../support/sdk_scenario.mjs';

scenario({ name: 'TypeScript, openapi-typescript', folder: 'typescript', command: (made) => ['node', `${made}/out/client.js`] });
