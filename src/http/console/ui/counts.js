// How much there is, for saying what something will end.
import { get, useLoad } from './api.js';
import { reaches } from './reach.js';
import { count, number } from './words.js';

const MOST = 200;

/**
 * How many a list has, as far as one page tells: `{ text: '3 sessions' | 'more than 200 sessions' }`. `of`: the word for one, or for one and for many; `needs`: the
 * scope of the list, which is not asked for by whoever does not reach so far.
 */
export function useCount(path, query, of, needs) {
  const [one, many = `${one}s`] = [of].flat();
  const found = useLoad((signal) => (reaches(needs) ? get(path, { ...query, limit: MOST }, { signal }) : Promise.resolve()), [path, JSON.stringify(query)]);
  const text = found.data && (found.data.next ? `more than ${number(found.data.items.length)} ${many}` : count(found.data.items.length, one, many));
  return { text, reload: found.reload };
}

/** Several amounts in one phrase: `2 sessions and 1 refresh token family`; `nothing` where there is none. Each is `[amount, one, many]`. */
export function counted(amounts) {
  const said = amounts.filter(([amount]) => amount > 0).map(([amount, one, many]) => count(amount, one, many));
  return said.length > 1 ? `${said.slice(0, -1).join(', ')} and ${said.at(-1)}` : (said[0] ?? 'nothing');
}
