import { delimiter } from 'node:path';

import { scenario } from '../support/sdk_scenario.mjs';

scenario({
  name: 'Java, openapi-generator',
  folder: 'java',
  command: (made) => ['java', '-XX:TieredStopAtLevel=1', '-cp', [`${made}/classes`, `${made}/lib/*`].join(delimiter), 'Client'],
});
