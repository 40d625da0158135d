// What an Angular application does with angular-auth-oidc-client: docs/clients.md shows parts of this file.
import '@angular/compiler'; // The test compiles nothing ahead; an application built by Angular's own tools leaves this out.
import { provideHttpClient } from '@angular/common/http';
import { Component, inject } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideRouter } from '@angular/router';
import { OidcSecurityService, provideAuth } from 'angular-auth-oidc-client';

declare const issuer: string;

const page = location.origin + location.pathname;
const byRefreshToken = page.endsWith('/refresh');

const config = {
  authority: issuer.replace(/\/$/, ''), // Without the slash at its end: the library adds one.
  clientId: 'app',
  redirectUrl: page,
  postLoginRoute: location.pathname, // Where the library goes after a sign-in; by default /.
  postLogoutRedirectUri: `${location.origin}/signed-out`,
  responseType: 'code',
  scope: 'openid profile email offline_access',
  silentRenew: true,
  useRefreshToken: byRefreshToken, // false: by prompt=none in a hidden frame.
  useRefreshTokenLock: true, // One refresh at a time, in all tabs.
  silentRenewUrl: `${location.origin}/silent`, // For the frame.
  startCheckSession: !byRefreshToken, // Notices a sign-out elsewhere; only where the issuer's frame has its cookies.
};

@Component({
  selector: 'app-root',
  template: `
    @if (oidc.authenticated().isAuthenticated) {
      <p>{{ oidc.userData().userData?.name }}</p>
      <button (click)="oidc.logoffAndRevokeTokens().subscribe()">Sign out</button>
    } @else {
      <button (click)="oidc.authorize()">Sign in</button>
    }
  `,
})
class Application {
  readonly oidc = inject(OidcSecurityService);

  constructor() {
    this.oidc.checkAuth().subscribe((login) => Object.assign(window, { oidc: this.oidc, login }));
  }
}

bootstrapApplication(Application, { providers: [provideHttpClient(), provideRouter([{ path: '**', children: [] }]), provideAuth({ config })] });
