"""contexts -> decisions: the stage that chooses an arm with the policy its partition's learner holds."""
