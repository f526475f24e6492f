# Every system without make: python3 make.py demo, and so on
.PHONY: bench demo test
bench demo test:
	@python3 make.py $@
