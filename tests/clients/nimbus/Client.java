import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.token.RefreshToken;
import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import com.nimbusds.oauth2.sdk.util.URLUtils;
import com.nimbusds.openid.connect.sdk.Prompt;
import com.nimbusds.openid.connect.sdk.token.OIDCTokens;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import net.minidev.json.JSONObject;

/** Drives an application that uses the Nimbus SDK. What is said and heard is told in tests/support/client_program.mjs. */
public final class Client {
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    private interface Call {
        void run() throws Exception;
    }

    private static void say(Object... namesAndValues) {
        Map<String, Object> line = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            line.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        System.out.println(JSONObject.toJSONString(line));
    }

    /** The user's browser goes there; where it was left. */
    private static URI open(URI url) throws IOException {
        say("open", url.toString());
        return URI.create(INPUT.readLine());
    }

    private static OIDCTokens signIn(Application app, Application.Pending asked, Prompt prompt) throws Exception {
        return app.finish(open(app.authorizationUrl(asked, prompt)), asked);
    }

    private static RefreshToken tokens(String step, OIDCTokens tokens) {
        say("step", step, "access_token", tokens.getAccessToken().getValue(), "refresh_token", tokens.getRefreshToken().getValue(), "id_token", tokens.getIDTokenString());
        return tokens.getRefreshToken();
    }

    /** The library's own word for a refusal. */
    private static void refused(String step, Call call) throws Exception {
        try {
            call.run();
            say("step", step, "type", "nothing");
        } catch (Application.Refused refused) {
            var error = refused.error;
            say("step", step, "type", error.getClass().getSimpleName(), "error", error.getCode(), "status", error.getHTTPStatusCode());
        } catch (IOException error) {
            say("step", step, "type", error.getClass().getSimpleName());
        }
    }

    private static void trust(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var file = new FileInputStream(authority)) {
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLContext.setDefault(context);
    }

    private static String version() throws IOException {
        Properties properties = new Properties();
        properties.load(Client.class.getResourceAsStream("/META-INF/maven/com.nimbusds/oauth2-oidc-sdk/pom.properties"));
        return properties.getProperty("version");
    }

    public static void main(String[] arguments) throws Exception {
        var settings = JSONObjectUtils.parse(INPUT.readLine());
        trust(settings.getAsString("ca"));
        String secret = settings.getAsString("client_secret");
        URI redirectUri = URI.create(settings.getAsString("redirect_uri"));
        var app = new Application(settings.getAsString("issuer"), settings.getAsString("client_id"), secret, redirectUri);
        say("step", "discovery", "library", "oauth2-oidc-sdk", "version", version());

        var asked = app.pending();
        OIDCTokens first = signIn(app, asked, null);
        RefreshToken oldest = tokens("code_pkce", first);
        say("step", "id_token_verified", "sub", app.verified(first.getIDToken(), asked.nonce()).getSubject().getValue());
        var person = app.userInfo(first.getAccessToken());
        say("step", "userinfo", "sub", person.getSubject().getValue(), "email", person.getEmailAddress());

        say("lose", "the next answer of the token endpoint");
        INPUT.readLine();
        refused("answer_lost", () -> app.refresh(oldest));
        RefreshToken second = tokens("retried", app.refresh(oldest));
        tokens("refresh_rotated", app.refresh(second));
        RefreshToken third = tokens("refresh_replayed", app.refresh(second));
        refused("old_refresh_refused", () -> app.refresh(oldest));
        refused("family_ended", () -> app.refresh(third));

        Prompt withoutPage = new Prompt(Prompt.Type.NONE);
        OIDCTokens silent = signIn(app, app.pending(), withoutPage);
        RefreshToken token = tokens("silent", silent);
        app.revoke(token);
        say("step", "revoked");
        refused("refresh_after_revocation", () -> app.refresh(token));
        refused("userinfo_after_revocation", () -> app.userInfo(silent.getAccessToken()));

        State state = new State();
        URI left = open(app.logoutUrl(silent.getIDToken(), URI.create(settings.getAsString("post_logout_redirect_uri")), state));
        say("step", "logout", "state_matches", state.getValue().equals(URLUtils.parseParameters(left.getQuery()).get("state").get(0)));
        refused("error", () -> signIn(app, app.pending(), withoutPage));
        if (secret != null) {
            var other = new Application(settings.getAsString("issuer"), settings.getAsString("client_id"), secret + "x", redirectUri);
            refused("wrong_secret", () -> other.refresh(token));
        }
    }
}
