import { scenario } from '../support/sdk_scenario.mjs';

scenario({ name: 'Python, openapi-python-client', folder: 'python', command: (made) => [`${made}/venv/bin/python`, `${made}/client.py`] });
