// What a client is registered with, as a form: a new one step by step, or one that is there.
import { ActForm } from '../form.js';
import { useHeld } from '../held.js';
import { Fragment, html } from '../html.js';
import { KINDS } from '../kinds.js';
import { Check, Lines, Text } from '../parts.js';

const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

/** A client id made of a name: what people would write themselves. */
export const idOf = (name) => name.normalize('NFKD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60);

/** What the fields hold of a client's metadata, as text. */
export const filled = (metadata) => ({
  name: metadata.name ?? '',
  redirect_uris: (metadata.redirect_uris ?? []).join('\n'),
  post_logout_redirect_uris: (metadata.post_logout_redirect_uris ?? []).join('\n'),
  web_origins: (metadata.web_origins ?? []).join('\n'),
  scope: metadata.scope ?? '',
  resources: (metadata.resources ?? []).join('\n'),
  backchannel_logout_uri: metadata.backchannel_logout_uri ?? '',
  first_party: metadata.first_party ?? false,
  may_be_framed: metadata.may_be_framed ?? true,
  fedcm: metadata.fedcm ?? false,
  dpop_bound_access_tokens: metadata.dpop_bound_access_tokens ?? false,
});

/** The metadata that the fields make of what was there; what has no field stays. */
export function metadataOf(fields, before) {
  const { redirect_uris, post_logout_redirect_uris, web_origins, resources, backchannel_logout_uri, scope, ...rest } = fields;
  const made = { ...before, ...rest, redirect_uris: lines(redirect_uris), post_logout_redirect_uris: lines(post_logout_redirect_uris), resources: lines(resources) };
  // What is left empty is left to the server's defaults.
  delete made.web_origins;
  delete made.scope;
  delete made.backchannel_logout_uri;
  if (lines(web_origins).length > 0) made.web_origins = lines(web_origins);
  if (scope.trim()) made.scope = scope.trim();
  if (backchannel_logout_uri.trim()) made.backchannel_logout_uri = backchannel_logout_uri.trim();
  if (made.kind === 'machine') {
    delete made.redirect_uris;
    delete made.post_logout_redirect_uris;
    delete made.web_origins;
  }
  return made;
}

export function Fields({ kind, fields, set, wrong, more }) {
  const to = (name) => (value) => set((fields) => ({ ...fields, [name]: value }));
  const bound = (name) => ({ value: fields[name], set: to(name), error: wrong[name] });
  const machine = kind === 'machine';
  return html`<${Fragment}>
    <${Text} label="Name" hint=${machine ? 'For you, to know it by.' : 'What people read when they sign in to it.'} ...${bound('name')} required />
    ${!machine && html`<${Lines} label="Redirect URIs" hint="Where people come back to after signing in, byte for byte. One a line." rows=${2} placeholder=${KINDS[kind].example} ...${bound('redirect_uris')} />`}
    ${!machine && html`<${Lines} label="Where to go after signing out" optional rows=${2} ...${bound('post_logout_redirect_uris')} />`}
    <${Lines} label="APIs its tokens are for" optional hint="The audience of its access tokens, such as https://api.example.com/. One a line; the first is used when it names none." rows=${2} ...${bound('resources')} />
    <${Text} label="Scope" optional=${!machine} hint=${machine ? 'What it may ask for, with spaces between.' : 'What it may ask for, with spaces between. Left empty: openid profile email offline_access.'} ...${bound('scope')} />
    ${!machine && html`<${Check} label="It is our own application" hint="Nobody is asked whether they allow it access." value=${fields.first_party} set=${to('first_party')} />`}
    ${more && !machine && html`<details class="more-fields"><summary>More</summary>
      ${kind === 'spa' && html`<${Lines} label="Origins of its pages" optional hint="They may call the token endpoint. Left empty: the origins of the redirect URIs." rows=${2} ...${bound('web_origins')} />`}
      <${Text} label="Where it hears that a session has ended" optional hint="Back-channel logout: an https address of its server." ...${bound('backchannel_logout_uri')} />
      <${Check} label="Its pages may renew in a hidden frame" value=${fields.may_be_framed} set=${to('may_be_framed')} />
      <${Check} label="Its pages may ask by the browser’s account chooser (FedCM)" value=${fields.fedcm} set=${to('fedcm')} />
      <${Check} label="Its tokens must be bound to a key (DPoP)" hint="Without a proof it gets none: for an application whose library makes them." value=${fields.dpop_bound_access_tokens} set=${to('dpop_bound_access_tokens')} />
    </details>`}
  <//>`;
}

/** The form of a client that is there. `save` is given its new metadata. */
export function EditForm({ metadata, save, close, changed }) {
  const [fields, set] = useHeld('fields', filled(metadata));
  return html`<${ActForm} verb="Save" busy="Saving…" act=${() => save(metadataOf(fields, metadata))} close=${close} changed=${changed}>
    ${(wrong) => html`<${Fields} kind=${metadata.kind} fields=${fields} set=${set} wrong=${wrong} more />`}
  <//>`;
}
