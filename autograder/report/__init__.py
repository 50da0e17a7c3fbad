"""One page on a class, for its instructor: numbers, misconceptions, pictures, similar code.

gather      reads the class: verdicts and executed notebooks, each student once
numbers     what the verdicts come to
gallery     thumbnails of a picture that every student's notebook draws
similarity  pairs of submissions whose own code is most alike
page        all of it as one HTML file
"""
