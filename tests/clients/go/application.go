package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// What an application does with go-oidc and oauth2: docs/clients.md shows parts of this file.
type application struct {
	config   oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	endings  struct {
		Revocation string `json:"revocation_endpoint"`
		EndSession string `json:"end_session_endpoint"`
	}
}

func discover(ctx context.Context, issuer, id, secret, redirectURI string) (*application, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	if secret != "" {
		// Left open, the library tries a second way after any refusal, and reports the refusal of that one.
		endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	app := &application{provider: provider}
	app.config = oauth2.Config{
		ClientID:     id,
		ClientSecret: secret,
		Endpoint:     endpoint,
		RedirectURL:  redirectURI,
		Scopes:       []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}
	app.verifier = provider.Verifier(&oidc.Config{ClientID: id})
	return app, provider.Claims(&app.endings)
}

// pending is what must be remembered while the user is at the issuer.
type pending struct{ state, nonce, verifier string }

// authorizationURL is where to send the browser to.
func (app *application) authorizationURL(options ...oauth2.AuthCodeOption) (string, pending) {
	asked := pending{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	options = append(options, oidc.Nonce(asked.nonce), oauth2.S256ChallengeOption(asked.verifier))
	return app.config.AuthCodeURL(asked.state, options...), asked
}

// finish takes what the browser came back with.
func (app *application) finish(ctx context.Context, callback url.Values, asked pending) (*oauth2.Token, *oidc.IDToken, error) {
	if callback.Get("state") != asked.state {
		return nil, nil, errors.New("the state is not the one that was sent")
	}
	if code := callback.Get("error"); code != "" {
		return nil, nil, &oauth2.RetrieveError{ErrorCode: code, ErrorDescription: callback.Get("error_description")}
	}
	token, err := app.config.Exchange(ctx, callback.Get("code"), oauth2.VerifierOption(asked.verifier))
	if err != nil {
		return nil, nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := app.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	if idToken.Nonce != asked.nonce {
		return nil, nil, errors.New("the nonce is not the one that was sent")
	}
	return token, idToken, idToken.VerifyAccessToken(token.AccessToken)
}

// refresh trades a refresh token for the next one. After a lost answer send the same one again.
func (app *application) refresh(ctx context.Context, refreshToken string) (*oauth2.Token, error) {
	return app.config.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
}

// revoke gives a token back (RFC 7009); the libraries have no call for it.
func (app *application) revoke(ctx context.Context, token string) error {
	form := url.Values{"token": {token}}
	if app.config.ClientSecret == "" {
		form.Set("client_id", app.config.ClientID)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, app.endings.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if app.config.ClientSecret != "" {
		request.SetBasicAuth(url.QueryEscape(app.config.ClientID), url.QueryEscape(app.config.ClientSecret))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("revocation: %s", answer.Status)
	}
	return nil
}

// logoutURL is where to send the browser to, so that the session at the issuer ends too.
func (app *application) logoutURL(idToken, backTo string) (string, string) {
	state := rand.Text()
	query := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {backTo}, "state": {state}}
	return app.endings.EndSession + "?" + query.Encode(), state
}
