import { scenario } from '../support/sdk_scenario.mjs';

scenario({ name: 'Rust, openapi-generator', folder: 'rust', command: (made) => [`${made}/target/debug/gatekey-sdk-test`] });
