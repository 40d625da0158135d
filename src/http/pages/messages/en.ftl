# English. Every message also stands in the other languages, with the same variables. No markup here: names are marked by the pages.

error-prefix = Error: { $title }

span-seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
span-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
span-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
span-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}

username = Username
password = Password

sign-in-title = Sign in
sign-in-to = to continue to { $application }
sign-in-plain = with your { $service } account
sign-in-confirm-title = Confirm it’s you
sign-in-confirm-to = { $application } asks you to sign in again before you continue.
sign-in-confirm-plain = Sign in again before you continue.
sign-in-remember = Stay signed in
sign-in-remember-hint = Leave it out on a device that others use too.
sign-in-button = Sign in
sign-in-problem-username-missing = Enter your username.
sign-in-problem-password-missing = Enter your password.
sign-in-problem-wrong-credentials = This username and password don’t match. Check both and try again.
sign-in-problem-too-many-attempts = Too many attempts. Wait { $wait }, then try again.
sign-in-problem-session-expired = Your session has ended. Sign in again to continue.
sign-in-problem-form-expired = This page was open for too long. Sign in again.
sign-in-problem-cookies-blocked = Your browser didn’t send back our cookie. Allow cookies for this site, then sign in again.
sign-in-problem-unavailable = We can’t sign you in just now. Nothing is wrong with your password: wait a moment, then try again.

consent-title = Allow access?
consent-heading = { $application } wants access to your account
consent-signed-in-as = Signed in as
consent-not-you = Not you?
consent-scopes = It will be able to
consent-scopes-none = It asks for nothing but to know that you signed in.
scope-openid = Know who you are
scope-openid-text = A permanent identifier of your account.
scope-profile = See your profile
scope-profile-text = Your name and username, and what else your profile says, such as picture, birthday and language.
scope-email = See your email address
scope-email-text = And whether it has been confirmed.
scope-address = See your postal address
scope-address-text = As it stands in your profile.
scope-phone = See your phone number
scope-phone-text = And whether it has been confirmed.
scope-offline_access = Stay connected
scope-offline_access-text = Use this access also while you are away.
scope-online_access = Share your sign-in
scope-online_access-text = Stay connected as long as you are signed in here. Signing out there signs you out here.
scope-account-profile-read = See all that is known of you
scope-account-profile-read-text = Your whole profile with all addresses, and when your password was changed.
scope-account-sessions-read = See where you are signed in
scope-account-sessions-read-text = Each browser, its network, and the applications you opened there.
scope-account-sessions-end = Sign you out
scope-account-sessions-end-text = Here and everywhere else.
scope-account-applications-read = See which applications have access
scope-account-applications-read-text = To your account, and what each of them may do.
scope-account-applications-withdraw = Withdraw the access of applications
scope-account-applications-withdraw-text = They have to ask you again then.
scope-account-password-change = Change your password
scope-account-password-change-text = If you tell it your present one.
scope-account-activity-read = See what happened to your account
scope-account-activity-read-text = Sign-ins, where they came from, ended sessions and warnings.
scope-other = { $scope }
scope-other-text = A permission of this application’s own.
consent-lasts-while-signed-in = Access lasts as long as you are signed in here.
consent-lasts-span = Access lasts { $span } at most, then you are asked to sign in again.
consent-lasts-until-withdrawn = Access lasts until you withdraw it.
consent-returns-to = You return to { $host }
consent-allow = Allow
consent-deny = Don’t allow

choose-title = Choose an account
choose-to = to continue to { $application }
choose-plain = to continue
choose-other = Use another account
choose-over = Password needed

logout-title = Sign out?
logout-text = You will be signed out of { $service } and of the applications you opened with it.
logout-asked-by = { $application } asks to sign you out.
logout-text-several = You can sign out of one account or of all. With it you are signed out of the applications of { $service } that you opened with that account.
logout-allow = Sign out
logout-allow-all = Sign out of all accounts
logout-one = Sign out
logout-deny = Stay signed in

signed-out-title = You are signed out
signed-out-text = On a shared device, close the browser as well.
signed-out-others = Other accounts are still signed in here.
signed-out-others-too = Sign out of those too
signed-out-return = Return to { $application }
signed-out-return-plain = Return to the application

error-invalid-request-title = This sign-in request doesn’t work
error-invalid-request-text = The application sent a request we can’t answer. Go back to it and try again; if it happens again, tell the people who run the application.
error-unknown-client-title = We don’t know this application
error-unknown-client-text = The application that sent you is not registered here. Check the address you came from, or tell the people who run the application.
error-redirect-mismatch-title = This application can’t receive you
error-redirect-mismatch-text = The address it wants you sent back to is not registered for it. For your safety we stopped here. Tell the people who run the application.
error-expired-title = This page no longer works
error-expired-text = It was opened too long ago, or in another browser. Go back to the application and sign in from there.
error-cookies-blocked-title = A cookie is missing
error-cookies-blocked-text = Signing in needs a cookie from this site, and your browser didn’t send it back. Allow cookies, then go back to the application and start again.
error-link-invalid-title = This link no longer works
error-link-invalid-text = It was used before or is too old. If there is no administrator yet, start the service again: it prints a new link.
error-reset-link-invalid-title = This link no longer works
error-reset-link-invalid-text = It was used before, is too old, or a newer one has taken its place. Ask the people who run this service for a new one.
error-forbidden-title = We couldn’t accept this
error-forbidden-text = The form came from another page or another browser. Go back to the application and start again.
error-not-found-title = There is nothing here
error-not-found-text = Check the address, or go back to the application you came from.
error-too-many-requests-title = Too many requests
error-too-many-requests-text = Wait a minute, then try again.
error-unavailable-title = We’ll be back in a moment
error-unavailable-text = The sign-in service is busy or being worked on. Wait a moment, then try again.
error-internal-title = Something went wrong on our side
error-internal-text = Try again. If it happens again, tell the people who run this service, and give them the request number below.
error-details = For the application’s developer
error-code = Error
error-detail = Reason
error-request = Request number

setup-title = Create the first administrator
setup-text = The administrator’s account of { $service }. The link that brought you here works once.
setup-username-hint = You will sign in with it. Capital and small letters count as the same.
setup-name = Full name
setup-optional = (optional)
setup-email = Email address
setup-password = Password
setup-password-hint = { $length ->
    [one] At least one character.
   *[other] At least { $length } characters. A few words in a row are easy to remember and hard to guess.
}
setup-password-again = Password, once more
setup-button = Create administrator
setup-problems = Please check the marked fields.
setup-problem-username-missing = Choose a username.
setup-problem-username-invalid = This can’t be a username. Choose a shorter one without spaces and special characters.
setup-problem-username-taken = This username is taken. Choose another.
setup-problem-name-invalid = This name is too long or has characters that can’t be shown.
setup-problem-email-invalid = This is not an email address, such as ada@example.com.
setup-problem-password-missing = Choose a password.
setup-problem-password-too-short = This password is too short.
setup-problem-password-too-long = This password is too long.
setup-problem-password-too-common = This password is too easy to guess. Choose another.
setup-problem-passwords-differ = The two passwords differ. Type both again.
setup-problem-form-expired = This page was open for too long. Send it once more.
setup-problem-unavailable = We can’t save this just now. Wait a moment, then try again.

setup-done-title = { $service } is ready
setup-done-text = The administrator { $username } now exists. Users and applications are managed with the gatekey command, or with the admin API.
setup-done-next = Continue
setup-done-console-text = The administrator { $username } now exists. The console is where users, applications and sessions are managed; sign in to it.
setup-done-console = Open the console

home-title = Sign-in service
home-text = This is the sign-in service of { $service }. Open the application you want to use: it will bring you here when needed.
home-signed-in = You are signed in as { $username }.
home-sign-in = Sign in
home-sign-out = Sign out
home-account = Your account
home-developers = For developers
home-issuer = Issuer
home-discovery = Discovery document
home-keys = Signing keys
home-apis = The APIs, to read

form-post-title = One moment
form-post-text = We are taking you back to { $application }.
form-post-button = Continue
form-post-hint = If nothing happens, press Continue.
web-message-hint = If this window stays open, you can close it.
fedcm-window-title = You are signed in
fedcm-window-text = This window closes by itself. If it stays open, you can close it.

storage-access-title = Stay signed in
storage-access-heading = Stay signed in to { $application }?
storage-access-button = Stay signed in
storage-access-granted = Done. You stay signed in to { $application }.
storage-access-refused = Your browser did not allow it. Sign in again in { $application } when it asks you to.
storage-access-unsupported = Your browser can’t do this here. Sign in again in { $application } when it asks you to.
storage-access-top-title = Nothing to do here
storage-access-top-text = This page belongs inside { $application }, where it asks your browser to keep you signed in. Go back there and try again.
storage-access-back = Back to { $application }

diagnose-title = Silent renewal
diagnose-text = What it has and lacks at { $application }, for its developers.
diagnose-client = Client
diagnose-origin = Its page
diagnose-origin-unknown = not known
diagnose-page = The application
diagnose-way = The way to the server
diagnose-browser = This browser
diagnose-browser-waiting = If nothing appears here, this browser runs no scripts, or something on the way has changed the Content-Security-Policy of this page.
diagnose-browser-failed = The browser could not be looked at:
diagnose-level-ok = OK
diagnose-level-note = Note
diagnose-level-problem = Problem
diagnose-log = Why a request was refused
diagnose-log-text = Only the server’s log has the reason. Whoever runs the server finds a line such as this one for each refused request; the answer’s header X-Request-Id says which one is yours.
diagnose-reason-no_cookie = No session’s cookie came: nobody has signed in in this browser, or it keeps the cookie back.
diagnose-reason-no_session = A cookie came, and its session is no more.
diagnose-reason-expired_idle = The session was not used for too long.
diagnose-reason-expired_absolute = The session reached its longest time.
diagnose-reason-device_proof_missing = The session is bound to a device, and the request did not prove that it comes from there.
diagnose-reason-max_age = The application asked for a newer sign-in than there is.

date = { $day } { $month } { $year }
date-time = { $date }, { $time } UTC
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
ago-now = just now
ago-minutes = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
}
ago-days = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
}

account-title = Your account
account-back = Back to your account
account-cancel = Cancel
account-told-session-ended = That browser is signed out.
account-told-others-ended = You are now signed in here and nowhere else.
account-told-access-withdrawn = { $application } no longer has access to your account.
account-told-password-changed = Your password is changed. You are signed out everywhere else.
account-warning-title = Someone may have copied your access to { $application }
account-warning-what = { $when }: a key that { $application } had already replaced was used again. That happens when it has been copied. We ended this access at once, and { $application } will ask you to sign in again.
account-warning-where = You had allowed it in { $device }.
account-warning-do = If you have just restored a device or an app from a backup, that explains it. If not, change your password: it signs you out everywhere else too.
account-others = Other accounts in this browser
account-another = Sign in with another account as well
account-sessions = Where you are signed in
account-sessions-older = Where else you are signed in
account-sessions-show-older = Show older sign-ins
account-sessions-none = Nowhere else.
account-device = { $browser } on { $system }
account-device-unknown = Unknown browser
account-session-here = This browser
account-session-not-remembered = Not kept when the browser is closed
account-session-since = Signed in { $when }
account-session-since-from = Signed in { $when }, from { $network }
account-last-used = Last used { $ago }
account-session-ends = Ends { $when }
account-session-ends-or-idle = Ends { $when }, or { $idle } if not used before
account-session-ends-idle = Ends { $idle } if not used before
account-session-ends-never = Does not end by itself
account-session-applications = Opened:
account-session-end = Sign out here
account-end-others = Sign out everywhere else
account-end-others-hint = Applications you opened elsewhere have to ask you to sign in again.
account-applications = Applications with access
account-applications-none = No application has access to your account.
account-application-own = An application of { $service }. It needs no permission, and can be opened again without asking you.
account-application-since = Allowed { $when }
account-application-used-since = In use since { $when }
account-application-offline = Also while you are away
account-application-online = Only while you are signed in
account-application-unused = Not in use
account-withdraw = Withdraw access
account-password = Password
account-password-changed = Last changed { $when }.
account-password-declared = The people who run this service set it; ask them for a new one.
account-password-change = Change password

confirm-action-end-session = Enter your password, and the other browser is signed out.
confirm-action-end-others = Enter your password, and you are signed out everywhere else.
confirm-action-withdraw = Enter your password, and the application’s access ends.
confirm-action-button-end-session = Sign out there
confirm-action-button-end-others = Sign out elsewhere
confirm-action-button-withdraw = Withdraw access
proof-problem-missing = Enter your password.
proof-problem-wrong = This is not your password. Try again.

change-password-title = Change password
change-password-text = You stay signed in here. Everywhere else you are signed out, and applications have to ask you again.
change-password-current = Current password
change-password-new = New password
change-password-again = New password, once more
change-password-button = Save
change-password-problem-missing = Choose a new password.
change-password-problem-too-short = This password is too short.
change-password-problem-too-long = This password is too long.
change-password-problem-differ = The two new passwords differ. Type both again.

reset-password-title = Choose a new password
reset-password-text = For your account at { $service }. Once it is set, you are signed out everywhere and sign in with it.
reset-password-button = Set password
reset-password-done-title = Your new password is set
reset-password-done-text = You are signed out everywhere. Now sign in with the new password.

# A page that shows an OpenAPI document; what the document says is in English.
reference-text = Version { $version }, as this server answers.
reference-document = The OpenAPI document
reference-contents = Contents
reference-server = All addresses are below
reference-id = Operation id
reference-access = Who may call
reference-everybody = everybody
reference-or = or
reference-none-needed = without it
reference-parameters = Parameters
reference-body = Body
reference-answers = Answers
reference-refusals = Refusals
reference-schemas = Objects
reference-example = Example
reference-required = required
