# Deutsch. Jede Meldung steht auch in den anderen Sprachen, mit denselben Variablen. Kein Markup: Namen zeichnen die Seiten aus.

error-prefix = Fehler: { $title }

span-seconds = { $count ->
    [one] { $count } Sekunde
   *[other] { $count } Sekunden
}
span-minutes = { $count ->
    [one] { $count } Minute
   *[other] { $count } Minuten
}
span-hours = { $count ->
    [one] { $count } Stunde
   *[other] { $count } Stunden
}
span-days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
}

username = Benutzername
password = Passwort

sign-in-title = Anmelden
sign-in-to = und weiter zu { $application }
sign-in-plain = mit Ihrem Konto bei { $service }
sign-in-confirm-title = Bitte bestätigen Sie, dass Sie es sind
sign-in-confirm-to = { $application } bittet Sie, sich noch einmal anzumelden, bevor es weitergeht.
sign-in-confirm-plain = Melden Sie sich noch einmal an, bevor es weitergeht.
sign-in-remember = Angemeldet bleiben
sign-in-remember-hint = Nicht auf einem Gerät, das auch andere benutzen.
sign-in-button = Anmelden
sign-in-problem-username-missing = Geben Sie Ihren Benutzernamen ein.
sign-in-problem-password-missing = Geben Sie Ihr Passwort ein.
sign-in-problem-wrong-credentials = Benutzername und Passwort passen nicht zusammen. Prüfen Sie beides und versuchen Sie es noch einmal.
sign-in-problem-too-many-attempts = Zu viele Versuche. Warten Sie { $wait } und versuchen Sie es dann noch einmal.
sign-in-problem-session-expired = Ihre Sitzung ist zu Ende. Melden Sie sich wieder an, um fortzufahren.
sign-in-problem-form-expired = Diese Seite war zu lange offen. Melden Sie sich noch einmal an.
sign-in-problem-cookies-blocked = Ihr Browser hat unser Cookie nicht zurückgeschickt. Erlauben Sie Cookies für diese Seite und melden Sie sich noch einmal an.
sign-in-problem-unavailable = Die Anmeldung ist gerade nicht möglich. Mit Ihrem Passwort ist alles in Ordnung: Warten Sie einen Augenblick und versuchen Sie es noch einmal.

consent-title = Zugriff erlauben?
consent-heading = { $application } möchte auf Ihr Konto zugreifen
consent-signed-in-as = Angemeldet als
consent-not-you = Nicht Sie?
consent-scopes = Die Anwendung darf dann
consent-scopes-none = Sie möchte nur wissen, dass Sie sich angemeldet haben.
scope-openid = Wissen, wer Sie sind
scope-openid-text = Eine dauerhafte Kennung Ihres Kontos.
scope-profile = Ihr Profil sehen
scope-profile-text = Ihren Namen und Benutzernamen und was sonst in Ihrem Profil steht, etwa Bild, Geburtstag und Sprache.
scope-email = Ihre E-Mail-Adresse sehen
scope-email-text = Und ob sie bestätigt ist.
scope-address = Ihre Postanschrift sehen
scope-address-text = So, wie sie in Ihrem Profil steht.
scope-phone = Ihre Telefonnummer sehen
scope-phone-text = Und ob sie bestätigt ist.
scope-offline_access = Verbunden bleiben
scope-offline_access-text = Diesen Zugriff auch nutzen, wenn Sie nicht da sind.
scope-online_access = Ihre Anmeldung teilen
scope-online_access-text = Verbunden bleiben, solange Sie hier angemeldet sind. Wer sich dort abmeldet, ist auch hier abgemeldet.
scope-account-profile-read = Alles sehen, was über Sie bekannt ist
scope-account-profile-read-text = Ihr ganzes Profil mit allen Anschriften, und wann Ihr Passwort geändert wurde.
scope-account-sessions-read = Sehen, wo Sie angemeldet sind
scope-account-sessions-read-text = Jeden Browser, sein Netz und die Anwendungen, die Sie dort geöffnet haben.
scope-account-sessions-end = Sie abmelden
scope-account-sessions-end-text = Hier und überall sonst.
scope-account-applications-read = Sehen, welche Anwendungen Zugriff haben
scope-account-applications-read-text = Auf Ihr Konto, und was jede von ihnen darf.
scope-account-applications-withdraw = Anwendungen den Zugriff entziehen
scope-account-applications-withdraw-text = Sie müssen Sie dann wieder fragen.
scope-account-password-change = Ihr Passwort ändern
scope-account-password-change-text = Wenn Sie ihr Ihr jetziges nennen.
scope-account-activity-read = Sehen, was mit Ihrem Konto geschehen ist
scope-account-activity-read-text = Anmeldungen und woher sie kamen, beendete Sitzungen und Warnungen.
scope-other = { $scope }
scope-other-text = Eine eigene Berechtigung dieser Anwendung.
consent-lasts-while-signed-in = Der Zugriff gilt, solange Sie hier angemeldet sind.
consent-lasts-span = Der Zugriff gilt höchstens { $span }, danach melden Sie sich neu an.
consent-lasts-until-withdrawn = Der Zugriff gilt, bis Sie ihn widerrufen.
consent-returns-to = Weiter geht es bei { $host }
consent-allow = Erlauben
consent-deny = Nicht erlauben

choose-title = Konto auswählen
choose-to = und weiter zu { $application }
choose-plain = um fortzufahren
choose-other = Anderes Konto verwenden
choose-over = Mit Passwort

logout-title = Abmelden?
logout-text = Sie werden bei { $service } und den damit geöffneten Anwendungen abgemeldet.
logout-asked-by = { $application } möchte Sie abmelden.
logout-text-several = Sie können ein Konto abmelden oder alle. Damit werden Sie auch bei den Anwendungen von { $service } abgemeldet, die Sie mit diesem Konto geöffnet haben.
logout-allow = Abmelden
logout-allow-all = Alle Konten abmelden
logout-one = Abmelden
logout-deny = Angemeldet bleiben

signed-out-title = Sie sind abgemeldet
signed-out-text = Schließen Sie auf einem gemeinsam genutzten Gerät auch den Browser.
signed-out-others = Andere Konten sind hier noch angemeldet.
signed-out-others-too = Auch diese abmelden
signed-out-return = Zurück zu { $application }
signed-out-return-plain = Zurück zur Anwendung

error-invalid-request-title = Diese Anmeldung ist so nicht möglich
error-invalid-request-text = Die Anwendung hat eine Anfrage geschickt, die wir nicht beantworten können. Gehen Sie zurück und versuchen Sie es noch einmal; geschieht es wieder, sagen Sie es den Betreibern der Anwendung.
error-unknown-client-title = Diese Anwendung kennen wir nicht
error-unknown-client-text = Die Anwendung, von der Sie kommen, ist hier nicht registriert. Prüfen Sie die Adresse, von der Sie kommen, oder sagen Sie es den Betreibern der Anwendung.
error-redirect-mismatch-title = Diese Anwendung kann Sie nicht empfangen
error-redirect-mismatch-text = Die Adresse, an die Sie zurückgeschickt werden sollen, ist für die Anwendung nicht registriert. Zu Ihrer Sicherheit geht es hier nicht weiter. Sagen Sie es den Betreibern der Anwendung.
error-expired-title = Diese Seite gilt nicht mehr
error-expired-text = Sie wurde vor zu langer Zeit oder in einem anderen Browser geöffnet. Gehen Sie zurück zur Anwendung und melden Sie sich von dort an.
error-cookies-blocked-title = Ein Cookie fehlt
error-cookies-blocked-text = Zum Anmelden ist ein Cookie dieser Seite nötig, und Ihr Browser hat es nicht zurückgesandt. Erlauben Sie Cookies, gehen Sie zurück zur Anwendung und beginnen Sie noch einmal.
error-link-invalid-title = Dieser Link gilt nicht mehr
error-link-invalid-text = Er wurde schon benutzt oder ist zu alt. Gibt es noch keinen Administrator, starten Sie den Dienst neu: Er gibt einen neuen Link aus.
error-reset-link-invalid-title = Dieser Link gilt nicht mehr
error-reset-link-invalid-text = Er wurde schon benutzt, ist zu alt, oder ein neuerer hat ihn ersetzt. Bitten Sie die Betreiber dieses Dienstes um einen neuen.
error-forbidden-title = Das konnten wir nicht annehmen
error-forbidden-text = Das Formular kam von einer anderen Seite oder aus einem anderen Browser. Gehen Sie zurück zur Anwendung und beginnen Sie noch einmal.
error-not-found-title = Hier ist nichts
error-not-found-text = Prüfen Sie die Adresse oder gehen Sie zurück zur Anwendung, von der Sie kommen.
error-too-many-requests-title = Zu viele Anfragen
error-too-many-requests-text = Warten Sie eine Minute und versuchen Sie es dann noch einmal.
error-unavailable-title = Gleich geht es weiter
error-unavailable-text = Der Anmeldedienst ist ausgelastet oder wird gewartet. Warten Sie einen Augenblick und versuchen Sie es noch einmal.
error-internal-title = Bei uns ist etwas schiefgegangen
error-internal-text = Versuchen Sie es noch einmal. Geschieht es wieder, sagen Sie es den Betreibern dieses Dienstes und nennen Sie die Anfragenummer unten.
error-details = Für die Entwickler der Anwendung
error-code = Fehler
error-detail = Grund
error-request = Anfragenummer

setup-title = Ersten Administrator anlegen
setup-text = Das Konto des Administrators von { $service }. Der Link, der Sie hierher brachte, gilt nur einmal.
setup-username-hint = Damit melden Sie sich an. Groß- und Kleinschreibung ist gleich.
setup-name = Vollständiger Name
setup-optional = (freiwillig)
setup-email = E-Mail-Adresse
setup-password = Passwort
setup-password-hint = { $length ->
    [one] Mindestens ein Zeichen.
   *[other] Mindestens { $length } Zeichen. Einige Wörter hintereinander sind leicht zu merken und schwer zu erraten.
}
setup-password-again = Passwort, noch einmal
setup-button = Administrator anlegen
setup-problems = Bitte prüfen Sie die markierten Felder.
setup-problem-username-missing = Wählen Sie einen Benutzernamen.
setup-problem-username-invalid = Das kann kein Benutzername sein. Wählen Sie einen kürzeren ohne Leerzeichen und Sonderzeichen.
setup-problem-username-taken = Dieser Benutzername ist vergeben. Wählen Sie einen anderen.
setup-problem-name-invalid = Dieser Name ist zu lang oder enthält Zeichen, die sich nicht darstellen lassen.
setup-problem-email-invalid = Das ist keine E-Mail-Adresse wie ada@example.com.
setup-problem-password-missing = Wählen Sie ein Passwort.
setup-problem-password-too-short = Dieses Passwort ist zu kurz.
setup-problem-password-too-long = Dieses Passwort ist zu lang.
setup-problem-password-too-common = Dieses Passwort ist zu leicht zu erraten. Wählen Sie ein anderes.
setup-problem-passwords-differ = Die beiden Passwörter sind verschieden. Geben Sie beide noch einmal ein.
setup-problem-form-expired = Diese Seite war zu lange offen. Schicken Sie sie noch einmal ab.
setup-problem-unavailable = Das lässt sich gerade nicht speichern. Warten Sie einen Augenblick und versuchen Sie es noch einmal.

setup-done-title = { $service } ist bereit
setup-done-text = Den Administrator { $username } gibt es jetzt. Benutzer und Anwendungen werden mit dem Befehl gatekey oder über die Admin-API verwaltet.
setup-done-next = Weiter
setup-done-console-text = Den Administrator { $username } gibt es jetzt. In der Konsole werden Benutzer, Anwendungen und Sitzungen verwaltet; melden Sie sich dort an.
setup-done-console = Konsole öffnen

home-title = Anmeldedienst
home-text = Dies ist der Anmeldedienst von { $service }. Öffnen Sie die Anwendung, die Sie benutzen möchten; sie bringt Sie hierher, wenn es nötig ist.
home-signed-in = Sie sind angemeldet als { $username }.
home-sign-in = Anmelden
home-sign-out = Abmelden
home-account = Ihr Konto
home-developers = Für Entwickler
home-issuer = Aussteller
home-discovery = Discovery-Dokument
home-keys = Signaturschlüssel
home-apis = Die Schnittstellen zum Nachlesen

form-post-title = Einen Augenblick
form-post-text = Wir bringen Sie zurück zu { $application }.
form-post-button = Weiter
form-post-hint = Wenn nichts geschieht, wählen Sie Weiter.
web-message-hint = Wenn dieses Fenster offen bleibt, können Sie es schließen.
fedcm-window-title = Sie sind angemeldet
fedcm-window-text = Dieses Fenster schließt sich von selbst. Wenn es offen bleibt, können Sie es schließen.

storage-access-title = Angemeldet bleiben
storage-access-heading = In { $application } angemeldet bleiben?
storage-access-button = Angemeldet bleiben
storage-access-granted = Fertig. Sie bleiben in { $application } angemeldet.
storage-access-refused = Ihr Browser hat es nicht erlaubt. Melden Sie sich in { $application } neu an, wenn Sie darum gebeten werden.
storage-access-unsupported = Ihr Browser kann das hier nicht. Melden Sie sich in { $application } neu an, wenn Sie darum gebeten werden.
storage-access-top-title = Hier ist nichts zu tun
storage-access-top-text = Diese Seite gehört in { $application } hinein und bittet dort Ihren Browser, Sie angemeldet zu lassen. Gehen Sie dorthin zurück und versuchen Sie es noch einmal.
storage-access-back = Zurück zu { $application }

diagnose-title = Stille Erneuerung
diagnose-text = Was sie in { $application } hat und was ihr fehlt, für Entwickler.
diagnose-client = Client
diagnose-origin = Seine Seite
diagnose-origin-unknown = nicht bekannt
diagnose-page = Die Anwendung
diagnose-way = Der Weg zum Server
diagnose-browser = Dieser Browser
diagnose-browser-waiting = Wenn hier nichts erscheint, führt dieser Browser keine Skripte aus, oder unterwegs hat etwas die Content-Security-Policy dieser Seite verändert.
diagnose-browser-failed = Der Browser ließ sich nicht ansehen:
diagnose-level-ok = OK
diagnose-level-note = Hinweis
diagnose-level-problem = Problem
diagnose-log = Warum eine Anfrage abgelehnt wurde
diagnose-log-text = Den Grund nennt nur das Protokoll des Servers. Wer den Server betreibt, findet dort für jede abgelehnte Anfrage eine Zeile wie diese; welche Ihre ist, sagt der Header X-Request-Id der Antwort.
diagnose-reason-no_cookie = Es kam kein Cookie einer Sitzung: In diesem Browser hat sich niemand angemeldet, oder er hält das Cookie zurück.
diagnose-reason-no_session = Es kam ein Cookie, dessen Sitzung es nicht mehr gibt.
diagnose-reason-expired_idle = Die Sitzung wurde zu lange nicht benutzt.
diagnose-reason-expired_absolute = Die Sitzung hat ihre längste Dauer erreicht.
diagnose-reason-device_proof_missing = Die Sitzung ist an ein Gerät gebunden, und die Anfrage bewies nicht, dass sie von dort kommt.
diagnose-reason-max_age = Die Anwendung wollte eine neuere Anmeldung, als es gibt.

date = { $day }. { $month } { $year }
date-time = { $date }, { $time } UTC
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
ago-now = gerade eben
ago-minutes = { $count ->
    [one] vor { $count } Minute
   *[other] vor { $count } Minuten
}
ago-hours = { $count ->
    [one] vor { $count } Stunde
   *[other] vor { $count } Stunden
}
ago-days = { $count ->
    [one] vor { $count } Tag
   *[other] vor { $count } Tagen
}

account-title = Ihr Konto
account-back = Zurück zu Ihrem Konto
account-cancel = Abbrechen
account-told-session-ended = Der andere Browser ist abgemeldet.
account-told-others-ended = Sie sind jetzt nur noch hier angemeldet.
account-told-access-withdrawn = { $application } hat keinen Zugriff mehr auf Ihr Konto.
account-told-password-changed = Ihr Passwort ist geändert. Überall sonst sind Sie abgemeldet.
account-warning-title = Vielleicht hat jemand Ihren Zugang zu { $application } kopiert
account-warning-what = { $when }: Ein Schlüssel, den { $application } schon ersetzt hatte, wurde noch einmal benutzt. Das geschieht, wenn er kopiert wurde. Wir haben diesen Zugriff sofort beendet; { $application } wird Sie um eine neue Anmeldung bitten.
account-warning-where = Erlaubt hatten Sie ihn in { $device }.
account-warning-do = Haben Sie gerade ein Gerät oder eine App aus einer Sicherung wiederhergestellt, so erklärt es das. Wenn nicht, ändern Sie Ihr Passwort: Damit sind Sie auch überall sonst abgemeldet.
account-others = Andere Konten in diesem Browser
account-another = Zusätzlich mit einem anderen Konto anmelden
account-sessions = Wo Sie angemeldet sind
account-sessions-older = Wo Sie sonst noch angemeldet sind
account-sessions-show-older = Ältere Anmeldungen zeigen
account-sessions-none = Sonst nirgends.
account-device = { $browser } unter { $system }
account-device-unknown = Unbekannter Browser
account-session-not-remembered = Endet mit dem Schließen des Browsers
account-session-here = Dieser Browser
account-session-since = Angemeldet { $when }
account-session-since-from = Angemeldet { $when }, von { $network }
account-last-used = Zuletzt benutzt { $ago }
account-session-ends = Endet { $when }
account-session-ends-or-idle = Endet { $when }, ungenutzt schon { $idle }
account-session-ends-idle = Endet { $idle }, wenn bis dahin ungenutzt
account-session-ends-never = Endet nicht von selbst
account-session-applications = Geöffnet:
account-session-end = Hier abmelden
account-end-others = Überall sonst abmelden
account-end-others-hint = Anwendungen, die Sie anderswo geöffnet haben, müssen Sie neu um Anmeldung bitten.
account-applications = Anwendungen mit Zugriff
account-applications-none = Keine Anwendung hat Zugriff auf Ihr Konto.
account-application-own = Eine Anwendung von { $service }. Sie braucht keine Erlaubnis und lässt sich ohne Nachfrage wieder öffnen.
account-application-since = Erlaubt { $when }
account-application-used-since = In Gebrauch seit { $when }
account-application-offline = Auch wenn Sie nicht da sind
account-application-online = Nur solange Sie angemeldet sind
account-application-unused = Nicht in Gebrauch
account-withdraw = Zugriff entziehen
account-password = Passwort
account-password-changed = Zuletzt geändert { $when }.
account-password-declared = Die Betreiber dieses Dienstes legen es fest; fragen Sie dort nach einem neuen.
account-password-change = Passwort ändern

confirm-action-end-session = Geben Sie Ihr Passwort ein; dann wird der andere Browser abgemeldet.
confirm-action-end-others = Geben Sie Ihr Passwort ein; dann sind Sie überall sonst abgemeldet.
confirm-action-withdraw = Geben Sie Ihr Passwort ein; dann endet der Zugriff der Anwendung.
confirm-action-button-end-session = Dort abmelden
confirm-action-button-end-others = Sonst abmelden
confirm-action-button-withdraw = Zugriff entziehen
proof-problem-missing = Geben Sie Ihr Passwort ein.
proof-problem-wrong = Das ist nicht Ihr Passwort. Versuchen Sie es noch einmal.

change-password-title = Passwort ändern
change-password-text = Hier bleiben Sie angemeldet. Überall sonst werden Sie abgemeldet, und Anwendungen müssen Sie neu fragen.
change-password-current = Bisheriges Passwort
change-password-new = Neues Passwort
change-password-again = Neues Passwort, noch einmal
change-password-button = Speichern
change-password-problem-missing = Wählen Sie ein neues Passwort.
change-password-problem-too-short = Dieses Passwort ist zu kurz.
change-password-problem-too-long = Dieses Passwort ist zu lang.
change-password-problem-differ = Die beiden neuen Passwörter sind verschieden. Geben Sie beide noch einmal ein.

reset-password-title = Neues Passwort wählen
reset-password-text = Für Ihr Konto bei { $service }. Danach sind Sie überall abgemeldet und melden sich damit neu an.
reset-password-button = Passwort setzen
reset-password-done-title = Ihr neues Passwort gilt
reset-password-done-text = Sie sind überall abgemeldet. Melden Sie sich jetzt mit dem neuen Passwort an.

# Eine Seite, die ein OpenAPI-Dokument zeigt; was das Dokument sagt, ist englisch.
reference-text = Version { $version }, wie dieser Server antwortet.
reference-document = Das OpenAPI-Dokument
reference-contents = Inhalt
reference-server = Alle Adressen liegen unter
reference-id = Operation
reference-access = Wer es aufrufen darf
reference-everybody = alle
reference-or = oder
reference-none-needed = ohne
reference-parameters = Parameter
reference-body = Inhalt der Anfrage
reference-answers = Antworten
reference-refusals = Absagen
reference-schemas = Objekte
reference-example = Beispiel
reference-required = erforderlich
