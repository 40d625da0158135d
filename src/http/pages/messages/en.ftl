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

logout-title = Sign out?
logout-text = You will be signed out of { $service } and of the applications you opened with it.
logout-asked-by = { $application } asks to sign you out.
logout-allow = Sign out
logout-deny = Stay signed in

signed-out-title = You are signed out
signed-out-text = On a shared device, close the browser as well.
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

home-title = Sign-in service
home-text = This is the sign-in service of { $service }. Open the application you want to use: it will bring you here when needed.
home-signed-in = You are signed in as { $username }.
home-sign-in = Sign in
home-sign-out = Sign out
home-developers = For developers
home-issuer = Issuer
home-discovery = Discovery document
home-keys = Signing keys

form-post-title = One moment
form-post-text = We are taking you back to { $application }.
form-post-button = Continue
form-post-hint = If nothing happens, press Continue.
