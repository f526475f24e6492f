// Values for prod. What project.yml says is read from there; everything else has a default in main.bicep.
using 'main.bicep'

var facts = loadYamlContent('../project.yml')

param slug = facts.project.slug
param env = 'prod'
param location = facts.environments.prod.region
param owner = facts.people.owner
param workspaceName = facts.environments.prod.workspace

// false: the workspace was there before this project. Its storage, vault, registry and logs are left as they are.
param createWorkspace = true

param clusterNodes = 4
param logDays = 90
param monthlyBudget = 300
