// What is in hand when somebody has to leave for the password (RFC 9470): the dialog that is open, and what was chosen in it. It is put down
// before leaving, taken up again when the same place is back, and then kept nowhere.
import { useCallback, useEffect, useState } from './html.js';

const KEPT = 'gatekey-console act';

/** The dialog that is open, and what was taken up from before leaving. */
let open = null;
let taken = null;

const same = (one, label, about) => one?.place === location.hash && one.label === label && one.about === about;

export function putDown() {
  if (open) sessionStorage.setItem(KEPT, JSON.stringify({ ...open, place: location.hash }));
}

/** Once, when the page starts. */
export function takeUp() {
  try {
    taken = JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    taken = null;
  }
  sessionStorage.removeItem(KEPT);
  addEventListener('hashchange', () => (taken = null));
}

/** A page that is one form is in hand for as long as one is on it. */
export function usePage(label) {
  const [own] = useState(() => (open = { label, about: null, fields: same(taken, label, null) ? taken.fields : {} }));
  // The page that one goes on to is there before this one is gone.
  useEffect(() => () => {
    if (open === own) open = taken = null;
  }, []);
}

/** Whether the dialog of this button is open: at first if it was in hand. */
export function useOpen(label, about = null) {
  const [is, set] = useState(() => {
    if (!same(taken, label, about)) return false;
    open = { label, about, fields: taken.fields };
    return true;
  });
  const opened = useCallback(() => {
    taken = null;
    open = { label, about, fields: {} };
    set(true);
  }, [label, about]);
  const closed = useCallback(() => {
    open = taken = null;
    set(false);
  }, []);
  return [is, opened, closed];
}

/** A state of a dialog that is in hand too: a value that JSON has. It is set as any state is, by the new value or by what makes it of the old one. */
export function useHeld(name, first) {
  const [value, set] = useState(() => open?.fields[name] ?? first);
  const hold = useCallback((next) => {
    set((value) => {
      const after = typeof next === 'function' ? next(value) : next;
      if (open) open.fields[name] = after;
      return after;
    });
  }, [name]);
  return [value, hold];
}
