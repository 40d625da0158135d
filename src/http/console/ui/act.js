// What is done when a dialog's form is submitted.
import { useState } from './html.js';

/**
 * `act` does it; then the dialog is closed, and `done` is given what was answered. What is refused leaves the dialog as it was filled. `first`: what is done
 * instead, for as long as it is there, such as showing what would follow.
 */
export function useAct({ act, first, close, done }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if (!first) {
        const answer = await act();
        close();
        done?.(answer);
        return;
      }
      await first();
    } catch (error) {
      setError(error);
    }
    setBusy(false);
  };
  return { busy, error, submit };
}
