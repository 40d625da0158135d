import { scenario } from '../support/sdk_account_scenario.mjs';

scenario({ name: 'Python, openapi-python-client', folder: 'python', command: (made) => [`${made}/venv/bin/python`, `${made}/own_account.py`] });
