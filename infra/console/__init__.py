"""The console: what the deployment does and is worth, in a browser.  docs/console.md.

`app` puts it together; `pages` has a module for each page, which says what there is to see, and `templates` how it
looks.  `deployment` reads the broker in the background, so that pages wait for nobody; `accounts`, `sessions`, `guard`
and `oidc` say who may see what; `audit` writes down what people do.
"""
