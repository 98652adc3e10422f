"""An analysis as a message."""

from producers.discord.words import say

from .parsing import Analysis


def rendered(analysis: Analysis, language: str, *, whole: bool) -> str:
    """In Discord's markdown.  whole: all of the post was read."""
    parts = [f"**{say(language, 'analysis.summary')}** {analysis.summary}"] if analysis.summary else []
    if analysis.key_points:
        points = "\n".join(f"- {each}" for each in analysis.key_points)
        parts.append(f"**{say(language, 'analysis.key_points')}**\n{points}")
    if analysis.questions:
        questions = "\n".join(f"{number}. {each}" for number, each in enumerate(analysis.questions, 1))
        parts.append(f"**{say(language, 'analysis.questions')}**\n{questions}")
    foot = say(language, "analysis.foot") if whole else say(language, "analysis.foot_beginning")
    return "\n\n".join([*parts, f"-# {foot}"])
