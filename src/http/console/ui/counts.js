// How much there is, for saying what something will end.
import { get, useLoad } from './api.js';
import { count, number } from './words.js';

const MOST = 200;

/** How many a list has, as far as one page tells: `{ text: '3 sessions' | 'more than 200 sessions' }`. */
export function useCount(path, query, one, many = `${one}s`) {
  const found = useLoad((signal) => get(path, { ...query, limit: MOST }, { signal }), [path, JSON.stringify(query)]);
  const text = found.data && (found.data.next ? `more than ${number(found.data.items.length)} ${many}` : count(found.data.items.length, one, many));
  return { text, reload: found.reload };
}

/** Several amounts in one phrase: `2 sessions and 1 refresh token family`; `nothing` where there is none. Each is `[amount, one, many]`. */
export function counted(amounts) {
  const said = amounts.filter(([amount]) => amount > 0).map(([amount, one, many]) => count(amount, one, many));
  return said.length > 1 ? `${said.slice(0, -1).join(', ')} and ${said.at(-1)}` : (said[0] ?? 'nothing');
}
