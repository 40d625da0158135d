import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.UUID;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import gatekey.admin.ApiClient;
import gatekey.admin.ApiException;
import gatekey.admin.api.ServerApi;
import gatekey.admin.api.SessionsApi;
import gatekey.admin.model.Problem;
import gatekey.admin.model.Server;
import gatekey.admin.model.Session;
import gatekey.admin.model.SessionPage;

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

    private static JsonObject token(String scope) throws Exception {
        String body = "grant_type=client_credentials&resource=urn:gatekey:admin&scope=" + URLEncoder.encode(scope, StandardCharsets.UTF_8);
        String basic = Base64.getEncoder().encodeToString((setting("client_id") + ":" + setting("client_secret")).getBytes(StandardCharsets.UTF_8));
        HttpRequest request = HttpRequest.newBuilder(URI.create(setting("issuer") + "oauth/token"))
                .header("Authorization", "Basic " + basic)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        return JsonParser.parseString(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body()).getAsJsonObject();
    }

    private static ApiClient api(JsonObject token) {
        ApiClient api = new ApiClient();
        api.setBasePath(setting("issuer") + "admin/api/v1");
        api.setAccessToken(token.get("access_token").getAsString());
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
            return step;
        }
        throw new IllegalStateException(name + ": it was not refused");
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader heard = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        settings = JsonParser.parseString(heard.readLine()).getAsJsonObject();

        JsonObject all = token(setting("scope"));
        JsonObject got = step("token");
        got.add("token_type", all.get("token_type"));
        got.add("scope", all.get("scope"));
        say(got);
        ApiClient api = api(all);
        SessionsApi sessions = new SessionsApi(api);

        Server server = new ServerApi(api).serverShow();
        JsonObject what = step("server");
        what.addProperty("version", server.getVersion());
        what.addProperty("issuer", server.getIssuer());
        what.addProperty("database", server.getDatabase().getValue());
        say(what);

        List<Session> found = new ArrayList<>();
        int pages = 0;
        UUID after = null;
        do {
            SessionPage page = sessions.sessionList(null, after, 1);
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
        Session shown = sessions.sessionShow(id);
        JsonObject session = step("session");
        session.addProperty("id", shown.getId().toString());
        session.addProperty("user_id", shown.getUserId().toString());
        session.addProperty("ended_at", shown.getEndedAt() == null ? null : shown.getEndedAt().toString());
        say(session);

        SessionsApi reader = new SessionsApi(api(token("sessions:read")));
        say(refused("forbidden", () -> reader.sessionEnd(id)));

        Session ended = sessions.sessionEnd(id);
        JsonObject end = step("ended");
        end.addProperty("id", ended.getId().toString());
        end.addProperty("ended_at", ended.getEndedAt().toString());
        end.addProperty("end_reason", ended.getEndReason());
        say(end);

        UUID nobody = UUID.fromString(setting("nobody"));
        say(refused("not_found", () -> sessions.sessionShow(nobody)));
    }
}
