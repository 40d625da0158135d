// Drives an application that uses go-oidc. What is said and heard is told in tests/support/client_program.mjs.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/oauth2"
)

type line map[string]any

var (
	input  = bufio.NewReader(os.Stdin)
	output = json.NewEncoder(os.Stdout)
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatalf("%T: %v", err, err)
	}
	return value
}

func say(words line) {
	if err := output.Encode(words); err != nil {
		log.Fatal(err)
	}
}

func hear() string { return strings.TrimSpace(must(input.ReadString('\n'))) }

// open sends the user's browser there, and tells where it was left.
func open(address string) url.Values {
	say(line{"open": address})
	return must(url.Parse(hear())).Query()
}

func tokens(step string, token *oauth2.Token) string {
	say(line{"step": step, "access_token": token.AccessToken, "refresh_token": token.RefreshToken, "id_token": token.Extra("id_token")})
	return token.RefreshToken
}

// refused tells the library's own word for a refusal.
func refused(step string, err error) {
	words := line{"step": step, "type": fmt.Sprintf("%T", err)}
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		words["type"], words["error"] = fmt.Sprintf("%T", answer), answer.ErrorCode
	}
	say(words)
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return ""
}

func main() {
	var settings struct {
		Issuer       string `json:"issuer"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RedirectURI  string `json:"redirect_uri"`
		SignedOutURI string `json:"post_logout_redirect_uri"`
	}
	if err := json.Unmarshal([]byte(hear()), &settings); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	app := must(discover(ctx, settings.Issuer, settings.ClientID, settings.ClientSecret, settings.RedirectURI))
	say(line{"step": "discovery", "library": "go-oidc", "version": version("github.com/coreos/go-oidc/v3"), "with": "oauth2 " + version("golang.org/x/oauth2")})

	address, asked := app.authorizationURL()
	first, idToken, err := app.finish(ctx, open(address), asked)
	if err != nil {
		log.Fatal(err)
	}
	oldest := tokens("code_pkce", first)
	say(line{"step": "id_token_verified", "sub": idToken.Subject})
	person := must(app.provider.UserInfo(ctx, oauth2.StaticTokenSource(first)))
	say(line{"step": "userinfo", "sub": person.Subject, "email": person.Email})

	say(line{"lose": "the next answer of the token endpoint"})
	hear()
	_, err = app.refresh(ctx, oldest)
	refused("answer_lost", err)
	second := tokens("retried", must(app.refresh(ctx, oldest)))
	tokens("refresh_rotated", must(app.refresh(ctx, second)))
	third := tokens("refresh_replayed", must(app.refresh(ctx, second)))
	_, err = app.refresh(ctx, oldest)
	refused("old_refresh_refused", err)
	_, err = app.refresh(ctx, third)
	refused("family_ended", err)

	withoutPage := oauth2.SetAuthURLParam("prompt", "none")
	address, asked = app.authorizationURL(withoutPage)
	silent, _, err := app.finish(ctx, open(address), asked)
	if err != nil {
		log.Fatal(err)
	}
	token := tokens("silent", silent)
	if err := app.revoke(ctx, token); err != nil {
		log.Fatal(err)
	}
	say(line{"step": "revoked"})
	_, err = app.refresh(ctx, token)
	refused("refresh_after_revocation", err)
	_, err = app.provider.UserInfo(ctx, oauth2.StaticTokenSource(silent))
	say(line{"step": "userinfo_after_revocation", "type": fmt.Sprintf("%T", err), "description": fmt.Sprint(err)})

	address, state := app.logoutURL(silent.Extra("id_token").(string), settings.SignedOutURI)
	say(line{"step": "logout", "state_matches": open(address).Get("state") == state})
	address, asked = app.authorizationURL(withoutPage)
	_, _, err = app.finish(ctx, open(address), asked)
	refused("error", err)
	if settings.ClientSecret != "" {
		other := must(discover(ctx, settings.Issuer, settings.ClientID, settings.ClientSecret+"x", settings.RedirectURI))
		_, err = other.refresh(ctx, token)
		refused("wrong_secret", err)
	}
}
