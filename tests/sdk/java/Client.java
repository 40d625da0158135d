import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import gatekey.admin.ApiClient;
import gatekey.admin.ApiException;
import gatekey.admin.ApiResponse;
import gatekey.admin.api.ClientsApi;
import gatekey.admin.api.LifetimePolicyApi;
import gatekey.admin.api.ServerApi;
import gatekey.admin.api.SessionsApi;
import gatekey.admin.api.UsersApi;
import gatekey.admin.model.ClientKind;
import gatekey.admin.model.ClientMetadata;
import gatekey.admin.model.ExplainedLimit;
import gatekey.admin.model.LifetimeQuestion;
import gatekey.admin.model.LifetimeRule;
import gatekey.admin.model.LifetimeSelector;
import gatekey.admin.model.LimitName;
import gatekey.admin.model.Limits;
import gatekey.admin.model.NewOAuthClient;
import gatekey.admin.model.OAuthClient;
import gatekey.admin.model.Problem;
import gatekey.admin.model.RegisteredClient;
import gatekey.admin.model.RuleChange;
import gatekey.admin.model.Server;
import gatekey.admin.model.Session;
import gatekey.admin.model.SessionPage;
import gatekey.admin.model.User;
import gatekey.admin.model.UserMetadata;
import gatekey.admin.model.UserProfile;
import gatekey.protocol.api.TokensApi;
import gatekey.protocol.model.TokenResponse;

/** An application that administers the server with what openapi-generator makes of the document. */
final class Client {
    private static final Gson WHOLE = new GsonBuilder().serializeNulls().create();
    private static JsonObject settings;

    private interface Call {
        void run() throws ApiException;
    }

    private static String setting(String name) {
        return settings.get(name).getAsString();
    }

    private static JsonObject step(String name) {
        JsonObject step = new JsonObject();
        step.addProperty("step", name);
        return step;
    }

    private static void say(JsonObject step) {
        System.out.println(WHOLE.toJson(step));
    }

    private static TokenResponse token(String scope) throws gatekey.protocol.ApiException {
        gatekey.protocol.ApiClient issuer = new gatekey.protocol.ApiClient();
        issuer.setBasePath(setting("issuer").replaceAll("/$", ""));
        issuer.setUsername(setting("client_id"));
        issuer.setPassword(setting("client_secret"));
        return new TokensApi(issuer).tokenIssue("client_credentials").scope(scope).resource(List.of("urn:gatekey:admin")).execute();
    }

    private static ApiClient api(TokenResponse token) {
        ApiClient api = new ApiClient();
        api.setBasePath(setting("issuer") + "admin/api/v1");
        api.setAccessToken(token.getAccessToken());
        return api;
    }

    /** What was said instead of what was asked for. */
    private static JsonObject refused(String name, Call call) {
        try {
            call.run();
        } catch (ApiException refusal) {
            Problem problem = refusal.getErrorObject();
            JsonObject step = step(name);
            step.addProperty("answered", refusal.getCode());
            step.addProperty("type", problem.getType());
            step.addProperty("title", problem.getTitle());
            step.addProperty("status", problem.getStatus());
            step.addProperty("detail", problem.getDetail());
            JsonArray members = new JsonArray();
            if (problem.getErrors() != null) {
                problem.getErrors().forEach(member -> members.add(member.getPointer()));
            }
            step.add("members", members);
            return step;
        }
        throw new IllegalStateException(name + ": it was not refused");
    }

    private static ClientMetadata notes(String callback) {
        return new ClientMetadata().name("Notes").kind(ClientKind.SPA).redirectUris(List.of(callback)).firstParty(true);
    }

    private static JsonObject user(String name, User user) {
        JsonObject step = step(name);
        step.addProperty("id", user.getId().toString());
        step.addProperty("username", user.getUsername());
        step.addProperty("name", user.getProfile().getName());
        step.addProperty("email", user.getProfile().getEmail());
        step.add("groups", WHOLE.toJsonTree(user.getGroups()));
        step.addProperty("has_password", user.getHasPassword());
        return step;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader heard = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        settings = JsonParser.parseString(heard.readLine()).getAsJsonObject();

        TokenResponse all = token(setting("scope"));
        JsonObject got = step("token");
        got.addProperty("token_type", all.getTokenType().getValue());
        got.addProperty("scope", all.getScope());
        say(got);
        try {
            token("keys:read");
            throw new IllegalStateException("it was not refused");
        } catch (gatekey.protocol.ApiException refusal) {
            JsonObject none = step("no_token");
            none.addProperty("error", refusal.getErrorObject().getError());
            say(none);
        }
        ApiClient api = api(all);
        SessionsApi sessions = new SessionsApi(api);

        Server server = new ServerApi(api).serverShow().execute();
        JsonObject what = step("server");
        what.addProperty("version", server.getVersion());
        what.addProperty("issuer", server.getIssuer());
        what.addProperty("database", server.getDatabase().getValue());
        say(what);

        ClientsApi clients = new ClientsApi(api);
        NewOAuthClient creation = new NewOAuthClient().id("notes").metadata(notes(setting("callback")));
        RegisteredClient registered = clients.clientCreate(creation).execute();
        JsonObject created = step("client_created");
        created.addProperty("id", registered.getClient().getId());
        created.addProperty("kind", registered.getClient().getMetadata().getKind().getValue());
        JsonArray grants = new JsonArray();
        registered.getClient().getMetadata().getGrantTypes().forEach(grant -> grants.add(grant.getValue()));
        created.add("grant_types", grants);
        created.addProperty("secret", registered.getClientSecret());
        say(created);
        say(refused("conflict", () -> clients.clientCreate(creation).execute()));
        say(refused("invalid", () -> clients.clientCreate(new NewOAuthClient().id("other").metadata(notes("http://app.example.com/callback"))).execute()));

        UsersApi users = new UsersApi(api);
        UserMetadata brenda = new UserMetadata().username("Brenda").profile(new UserProfile().name("Brenda Example").email("brenda@example.com")).groups(List.of("staff"));
        User made = users.userCreate(brenda).idempotencyKey("brenda, once").execute();
        say(user("user_created", made));
        say(user("user_again", users.userCreate(brenda).idempotencyKey("brenda, once").execute()));
        say(user("user", users.userShow(made.getId()).execute()));
        say(refused("user_conflict", () -> users.userCreate(brenda).execute()));

        ApiResponse<OAuthClient> read = clients.clientShow("notes").executeWithHttpInfo();
        String tag = read.getHeaders().get("etag").get(0);
        ClientMetadata changed = clients.clientReplace("notes", read.getData().getMetadata().name("Notebook")).ifMatch(tag).execute().getMetadata();
        JsonObject replaced = step("client_replaced");
        replaced.addProperty("name", changed.getName());
        JsonArray uris = new JsonArray();
        changed.getRedirectUris().forEach(uris::add);
        replaced.add("redirect_uris", uris);
        say(replaced);
        say(refused("stale", () -> clients.clientReplace("notes", notes(setting("callback"))).ifMatch(tag).execute()));

        LifetimePolicyApi lifetimes = new LifetimePolicyApi(api);
        String rules = lifetimes.lifetimeRuleList().executeWithHttpInfo().getHeaders().get("etag").get(0);
        RuleChange change = new RuleChange().selector(new LifetimeSelector().client("notes")).limits(new Limits().sessionIdle("PT10M"));
        LifetimeRule rule = lifetimes.lifetimeRulePut(change).ifMatch(rules).execute();
        JsonObject set = step("rule");
        set.addProperty("client", rule.getSelector().getClient());
        set.addProperty("session_idle", rule.getLimits().getSessionIdle());
        say(set);
        for (ExplainedLimit limit : lifetimes.lifetimeExplain(new LifetimeQuestion().client("notes")).execute().getLimits()) {
            if (limit.getLimit() != LimitName.SESSION_IDLE) {
                continue;
            }
            JsonArray candidates = new JsonArray();
            limit.getCandidates().forEach(one -> {
                JsonObject candidate = new JsonObject();
                candidate.addProperty("source", one.getSource().getValue());
                candidate.addProperty("client", one.getSelector() == null ? null : one.getSelector().getClient());
                candidate.addProperty("value", one.getValue());
                candidates.add(candidate);
            });
            JsonObject explained = step("explained");
            explained.addProperty("value", limit.getValue());
            explained.add("candidates", candidates);
            say(explained);
        }

        for (int browser = 0; browser < 2; browser++) {
            JsonObject open = new JsonObject();
            open.addProperty("open", setting("sign_in"));
            say(open);
            heard.readLine();
        }

        List<Session> found = new ArrayList<>();
        int pages = 0;
        String after = null;
        do {
            SessionPage page = sessions.sessionList().after(after).limit(1).execute();
            found.addAll(page.getItems());
            after = page.getNext();
            pages++;
        } while (after != null);
        JsonArray items = new JsonArray();
        for (Session one : found) {
            JsonObject item = new JsonObject();
            item.addProperty("id", one.getId().toString());
            item.addProperty("user_id", one.getUserId().toString());
            item.addProperty("created_at", one.getCreatedAt().toString());
            item.addProperty("remembered", one.getRemembered());
            items.add(item);
        }
        JsonObject list = step("sessions");
        list.addProperty("pages", pages);
        list.add("items", items);
        say(list);

        UUID id = found.get(0).getId();
        Session shown = sessions.sessionShow(id).execute();
        JsonObject session = step("session");
        session.addProperty("id", shown.getId().toString());
        session.addProperty("user_id", shown.getUserId().toString());
        session.addProperty("ended_at", shown.getEndedAt() == null ? null : shown.getEndedAt().toString());
        say(session);

        SessionsApi reader = new SessionsApi(api(token("sessions:read")));
        say(refused("forbidden", () -> reader.sessionEnd(id).execute()));

        Session ended = sessions.sessionEnd(id).execute();
        JsonObject end = step("ended");
        end.addProperty("id", ended.getId().toString());
        end.addProperty("ended_at", ended.getEndedAt().toString());
        end.addProperty("end_reason", ended.getEndReason());
        say(end);

        UUID nobody = UUID.fromString(setting("nobody"));
        say(refused("not_found", () -> sessions.sessionShow(nobody).execute()));
    }
}
