// Markup by tagged templates (htm) over preact. A value in a template is text or an attribute, never markup.
import htm from 'htm';
import { h } from 'preact';

export { Fragment, render } from 'preact';
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
export const html = htm.bind(h);
