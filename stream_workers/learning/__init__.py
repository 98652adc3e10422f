"""The learner stage: `domain` is all that is learned for one tenant's domain, `reward` what its feedback is worth."""
