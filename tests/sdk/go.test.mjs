import { scenario } from '../support/sdk_scenario.mjs';

scenario({ name: 'Go, oapi-codegen', folder: 'go', command: (made) => [`${made}/client`] });
