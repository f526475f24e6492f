# Every system without make: python3 make.py demo, python3 make.py test (on Windows: py make.py demo)
.PHONY: demo test
demo test:
	@python3 make.py $@
